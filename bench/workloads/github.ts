/**
 * Workload github-684: events in the form of the public GitHub timeline, 684 bytes a line on average with the line end: nested
 * objects, URLs, commit arrays, texts with escapes, a little non-ASCII.
 * Partition key: /actor/login. Each line's /id is unique.
 */
import { joinLines, type WorkloadOptions } from './lines.ts';
import { Random } from './random.ts';

export const GITHUB_KEY = '/actor/login';

const NAMES = [
  'petra',
  'jdoe',
  'kim-lee',
  'rustacean',
  'octo',
  'm0nk',
  'alvarez',
  'nakamura',
  'smith',
  'dependabot',
] as const;
const PROJECTS = [
  'website',
  'dotfiles',
  'parser',
  'stream-tools',
  'linux',
  'notes',
  'api-server',
  'game_of_life',
] as const;

export function github({ seed, lineCount }: WorkloadOptions): Buffer {
  const random = new Random(seed);
  let timeMs = Date.UTC(2015, 0, 1, 15);
  return joinLines(lineCount, (index) => {
    timeMs += random.integer(0, 900);
    return JSON.stringify(event(random, 2_489_651_045 + index, timeMs));
  });
}

function event(random: Random, id: number, timeMs: number): Record<string, unknown> {
  const actorId = random.integer(1_000, 9_999_999);
  const login = `${random.pick(NAMES)}${actorId % 5_000}`;
  const repo = `${random.pick(NAMES)}${random.integer(1, 999)}/${random.pick(PROJECTS)}`;
  const { type, payload } = body(random, repo);
  const owner: Record<string, unknown> = {
    id: `${id}`,
    type,
    actor: {
      id: actorId,
      login,
      gravatar_id: '',
      url: `https://api.github.com/users/${login}`,
      avatar_url: `https://avatars.githubusercontent.com/u/${actorId}?`,
    },
    repo: {
      id: random.integer(1_000_000, 30_000_000),
      name: repo,
      url: `https://api.github.com/repos/${repo}`,
    },
    payload,
    public: true,
    created_at: new Date(timeMs).toISOString().replace('.000', ''),
  };
  if (random.chance(20)) {
    const org = `${random.pick(PROJECTS)}-org`;
    owner.org = {
      id: random.integer(1_000, 9_999_999),
      login: org,
      url: `https://api.github.com/orgs/${org}`,
    };
  }
  return owner;
}

function body(random: Random, repo: string): { type: string; payload: Record<string, unknown> } {
  const dice = random.integer(1, 100);
  if (dice <= 38) return { type: 'PushEvent', payload: push(random, repo) };
  if (dice <= 55) {
    const comment = `${random.words(random.integer(4, 22))}\n\n> "${random.words(6)}"\r\n${random.chance(20) ? 'Schön, danke — 好的 👍' : 'thanks'}`;
    return {
      type: 'IssueCommentEvent',
      payload: {
        action: 'created',
        issue: {
          number: random.integer(1, 4_000),
          title: random.words(7),
          state: 'open',
          locked: false,
          milestone: null,
        },
        comment: { id: random.integer(1e7, 7e7), body: comment },
      },
    };
  }
  if (dice <= 79) return { type: 'WatchEvent', payload: { action: 'started' } };
  const description = random.chance(60) ? `${random.words(random.integer(6, 20))}.` : null;
  return {
    type: 'CreateEvent',
    payload: { ref: 'master', ref_type: 'branch', master_branch: 'master', description, pusher_type: 'user' },
  };
}

function push(random: Random, repo: string): Record<string, unknown> {
  const commitCount = random.chance(85) ? 1 : 2;
  const commits = Array.from({ length: commitCount }, () => {
    const sha = random.hex(40);
    return {
      sha,
      author: { email: `${random.hex(12)}@example.com`, name: random.pick(NAMES) },
      message: random.words(random.integer(3, 9)),
      distinct: true,
      url: `https://api.github.com/repos/${repo}/commits/${sha}`,
    };
  });
  return {
    push_id: random.integer(5e8, 6e8),
    size: commitCount,
    distinct_size: commitCount,
    ref: 'refs/heads/master',
    head: random.hex(40),
    before: random.hex(40),
    commits,
  };
}
