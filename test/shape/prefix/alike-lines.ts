/**
 * Alike lines: lines that are made like those before them, but for a few.
 * Gives  a fast-check arbitrary.
 */
import fc from 'fast-check';
import { nameText, numberText, space, textText, value } from './generators.ts';

const scalar = fc.oneof(textText, numberText, fc.constantFrom('true', 'false', 'null'));
const isScalar = (text: string) => !/^[[{]/.test(text);
/** Written where a value should be. */
const damage = fc.constantFrom(
  'tru',
  '01',
  '1.',
  '',
  ',',
  ':',
  '{',
  '[',
  '}',
  ']',
  '1 2',
  '"a":1',
  '"x',
  '1e',
  '\u0001',
);
const otherName = fc.oneof(
  nameText,
  fc.constantFrom(
    '"A"',
    '"a2"',
    '"b2"',
    '"idx"',
    '"i"',
    '"constructed"',
    '"constructor2"',
    '"__proto_"',
    '"\\u0061b"',
  ),
);

interface Member {
  readonly name: string;
  readonly value: string;
}
const change: fc.Arbitrary<(members: Member[]) => Member[]> = fc.oneof(
  fc.tuple(fc.nat(), otherName).map(([at, name]) => changeOne(at, { name })),
  fc.tuple(fc.nat(), value).map(([at, other]) => changeOne(at, { value: other })),
  fc.tuple(fc.nat(), damage).map(([at, other]) => changeOne(at, { value: other })),
  fc.tuple(fc.nat(), scalar).map(([at, other]) => (members: Member[]) => [
    ...members,
    { name: members[at % members.length]!.name, value: other },
  ]),
  fc.constant((members: Member[]) => members.toReversed()),
  fc.constant((members: Member[]) => members.slice(1)),
);

function changeOne(at: number, part: Partial<Member>) {
  return (members: Member[]) =>
    members.map((member, i) => (i === at % members.length ? { ...member, ...part } : member));
}

/** Lines of the same members with other values; now and then one that is made in another way, or is no JSON. */
export const alikeLines: fc.Arbitrary<string[]> = fc
  .tuple(
    fc.array(fc.record({ name: nameText, value }), { minLength: 1, maxLength: 6 }),
    fc.array(
      fc.tuple(
        fc.array(fc.option(scalar), { minLength: 6, maxLength: 6 }),
        fc.option(change, { freq: 3 }).map((made) => made ?? ((members: Member[]) => members)),
        space,
      ),
      { minLength: 4, maxLength: 24 },
    ),
  )
  .map(([members, lines]) =>
    lines.map(([values, changed, gap]) => {
      const own = members.map(({ name, value: known }, i) => ({
        name,
        value: isScalar(known) ? (values[i] ?? known) : known,
      }));
      return `{${changed(own)
        .map((member) => `${member.name}${gap}:${member.value}`)
        .join(',')}}`;
    }),
  );
