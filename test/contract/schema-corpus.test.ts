import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeAll, describe, expect, test} from '@jest/globals';
import type {Compatibility} from '../../src/schema/finding.js';
import {judgeMigrations} from '../../src/schema/verdict.js';

/**
 * Statements classed by hand: by what PostgreSQL's documentation says of each, and by what squawk, strong_migrations and
 * pgroll say of changes that running code does not survive. `unknown` means that the SQL alone cannot tell.
 */
interface Case {
  readonly class: Compatibility;
  readonly why: string;
  readonly sql: string;
  readonly before?: string;
}

const corpus = JSON.parse(readFileSync(join(import.meta.dirname, 'schema-corpus.json'), 'utf8')) as {
  base: string[];
  cases: Case[];
};
const judged: Array<Case & {verdict: Compatibility}> = [];
const shown = (cases: typeof judged) => cases.map(({verdict, sql}) => `${verdict}: ${sql}`);

beforeAll(async () => {
  for (const one of corpus.cases) {
    const before = {file: '1.sql', sql: `${corpus.base.join('\n')}\n${one.before ?? ''}`};
    const {verdict} = await judgeMigrations([before], [{file: '2.sql', sql: one.sql}]);
    judged.push({...one, verdict});
  }
});

describe('the corpus', () => {
  test('holds at least 150 different statements of every class', () => {
    expect(new Set(corpus.cases.map(({sql}) => sql)).size).toBeGreaterThanOrEqual(150);
    expect(new Set(corpus.cases.map((one) => one.class))).toEqual(
      new Set(['unchanged', 'compatible', 'breaking', 'unknown']),
    );
  });

  test('nothing breaking, and nothing that cannot be told, is called compatible', () => {
    const missed = judged.filter(
      (one) => /breaking|unknown/.test(one.class) && /^(compatible|unchanged)$/.test(one.verdict),
    );
    expect(shown(missed)).toEqual([]);
  });

  test('at most 5 % of what is compatible is called breaking or unknown', () => {
    const harmless = judged.filter((one) => /^(compatible|unchanged)$/.test(one.class));
    const alarms = harmless.filter((one) => /breaking|unknown/.test(one.verdict));
    expect(shown(alarms).slice(Math.floor(harmless.length * 0.05))).toEqual([]);
  });

  test('what changes nothing is called unchanged, and what breaks is mostly called so', () => {
    expect(shown(judged.filter((one) => (one.class === 'unchanged') !== (one.verdict === 'unchanged')))).toEqual([]);
    const vague = judged.filter((one) => one.class === 'breaking' && one.verdict === 'unknown');
    expect(shown(vague)).toEqual([]);
  });
});
