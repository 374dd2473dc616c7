import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {splitKey} from '../../src/backup/set-name.js';
import {parseConfig} from '../../src/config/load-config.js';
import {parsePin} from '../../src/ledger/pin.js';
import {parsePayload} from '../../src/ledger/record.js';
import {failureOf, networkFailure, retryAfterMs} from '../../src/platforms/railway/answers.js';
import {factsList, factsOf} from '../../src/platforms/railway/facts.js';
import {code} from '../../src/report/text.js';
import {literalSql} from '../../src/schema/literal-sql.js';
import {hasControls, hasLiveMarkup, isCommand, leavesBlock, leavesFolder, runCase, targets} from './hostile-parsers.js';

/** `npm run bench -- fuzz` runs the same table some thousand times more. */
test.each(targets.map((one) => [one.name, one] as const))('%s: nothing but a Failure, and no harm', async (_, one) => {
  await expect(
    fc.assert(
      fc.asyncProperty(one.input, (input) => runCase(one, input)),
      {numRuns: 150},
    ),
  ).resolves.toBeUndefined();
});

describe('the checks see what they look for', () => {
  test.each([
    ['a workflow command', isCommand('  ::error::x')],
    ['an older command', isCommand('x ##[error]y')],
    ['a control character', hasControls('a\u0007')],
    ['a tag', hasLiveMarkup('<b>')],
    ['a bar', hasLiveMarkup('a | b')],
    ['a backslash that frees its follower', hasLiveMarkup('\\\\[a](b)')],
    ['a closed block', leavesBlock('```text\na\n```\nb\n```')],
    ['a way out of a folder', leavesFolder('..')],
  ])('%s', (_, seen) => expect(seen).toBe(true));

  test('a crash', async () => {
    const one = {...targets[0]!, run: () => (undefined as unknown as string).trim()};
    await expect(runCase(one, '')).rejects.toThrow(TypeError);
  });
});

describe('found by these runs', () => {
  test.each([
    [
      'an alias bomb',
      `a: &a [${'x,'.repeat(10)}]\nb: &b [${'*a,'.repeat(10)}]\nc: &c [${'*b,'.repeat(10)}]\nd: [${'*c,'.repeat(6)}]`,
    ],
    ['an anchor within itself', '&a [*a]'],
    ['a key that holds itself', 'version: 1\nchecks: &a [*a]'],
  ])('configuration: %s is refused in our words', (_, text) => {
    expect(() => parseConfig(text, 'f.yml')).toThrow(expect.objectContaining({code: 'CONFIG'}));
  });

  test('migrations: white space and repeated openings take no time worth naming', () => {
    expect(literalSql('alembic', `def upgrade():\n  op.execute("""${' '.repeat(20_000)}x""")\n`)?.trim()).toBe('x;');
    expect(literalSql('rails', `def up\n${'execute <<SQL\n'.repeat(1_000_000)}\n  end\n`)).toBeUndefined();
  });

  const moody = {toString: 1, valueOf: 1};
  test('a ledger record with a time no date can hold, or a name that is no text', () => {
    const anchors = JSON.parse('{"frontend":{"deploymentId":"dpl_1","createdAtMs":1e999}}');
    const payload = {schema: 'switchback/1', release: 'r', commit: 'a'.repeat(40), anchors};
    expect(parsePayload(payload)?.anchors.frontend?.createdAtMs).toBe(0);
    const pin = {schema: 'switchback-pin/1', who: 'a', why: 'b', untilMs: 1};
    expect(parsePin(pin)).toEqual({who: 'a', why: 'b', untilMs: 1});
    expect(parsePin({...pin, who: moody})).toBeUndefined();
    expect(parsePin({...pin, untilMs: Infinity})).toBeUndefined();
  });

  test('Railway: rows, errors and waits of another type than promised', () => {
    expect(factsOf({id: 'a', status: 'b', createdAt: moody, instances: [null]} as never)).toMatchObject({
      createdAtMs: 0,
      instances: ['UNKNOWN'],
    });
    expect(factsList({edges: [null, {node: null}]} as never)).toEqual([]);
    expect(factsList({edges: {}} as never)).toEqual([]);
    expect(failureOf('x', [{message: moody, extensions: {code: moody}}], 200)).toMatchObject({code: 'RAILWAY_REFUSED'});
    expect(Number.isFinite(retryAfterMs('9'.repeat(400), 0))).toBe(true);
  });

  test('Railway: a token that no header can carry is not quoted, neither in the message nor in a cause', () => {
    const refused = () => new Headers().append('authorization', 'canary\ntoken');
    let thrown: unknown;
    try {
      refused();
    } catch (error) {
      thrown = error;
    }
    const failure = networkFailure('project', thrown);
    expect(failure).toMatchObject({code: 'RAILWAY_TOKEN', retryable: false});
    expect(failure.cause).toBeUndefined();
    expect(String((thrown as Error).message)).toContain('canary');
    expect(failure.message).not.toContain('canary');
  });

  test('a name that leaves its folder is no part of a set', () => {
    const series = {project: 'shop', environment: 'production'};
    const key = (name: string) => splitKey(series, `v1/shop/production/20261122T184501Z-9f2c41aa/${name}`);
    expect(key('manifest.json')?.name).toBe('manifest.json');
    for (const name of ['..', '.', '..\\x', 'a\nb']) expect(key(name)).toBeUndefined();
  });

  test('a bar in an id does not end the cell it stands in', () => {
    expect(code('a|<img src=x>')).not.toContain('|');
  });
});
