/**
 * Events with the profile of their user, without those of users that are inactive or unknown, and without mail addresses:
 * `--transform examples/stages/users.ts`.
 */
import { join } from 'node:path';
import { coerce, drop, enrich, pipe, where } from 'millrace/stages';

const profiles = join(import.meta.dirname, 'profiles.csv');

export default pipe(
  enrich({ table: profiles, on: '/user/id', into: '/user/profile', onMissing: 'drop' }),
  coerce('/user/profile/active', 'boolean'),
  where('record.user.profile.active'),
  drop('/user/mail'),
);
