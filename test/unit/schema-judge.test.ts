import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {lockNote, schemaSummary} from '../../src/report/schema-summary.js';
import {join} from '../../src/schema/finding.js';
import {judgeMigrations} from '../../src/schema/verdict.js';

const judgeText = (sql: string) => judgeMigrations([], [{file: 'm.sql', sql}]);

describe('a verdict', () => {
  test('is given for any text, and what cannot be parsed is unknown', async () => {
    const words = fc.constantFrom(
      ...'ALTER TABLE users ADD DROP COLUMN name TYPE text CREATE UNIQUE INDEX ON ( ) ; \' " $$ -- /* NOT NULL DEFAULT 1 é 😀 \n \\x'.split(
        ' ',
      ),
    );
    const text = fc.oneof(
      fc.string({unit: 'binary'}),
      fc.array(words, {maxLength: 20}).map((all) => all.join(' ')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (sql) => {
        const {verdict, statements, sentence} = await judgeText(sql);
        expect(['unchanged', 'compatible', 'breaking', 'unknown']).toContain(verdict);
        expect(sentence.length).toBeGreaterThan(0);
        for (const one of statements) expect(one.line).toBeLessThanOrEqual(sql.split('\n').length);
      }),
      {numRuns: 300},
    );
    expect((await judgeText('ALTER TABEL users;')).verdict).toBe('unknown');
    expect((await judgeText('\\connect other\nSELECT 1;')).verdict).toBe('unknown');
  });

  test('names the line of each statement, also behind letters of several bytes', async () => {
    const {statements} = await judgeText(
      "-- ünïcödé 😀\nCOMMENT ON TABLE a IS 'é';\n\n/* two\nlines */ DROP TABLE a;\n",
    );
    expect(statements.map((one) => one.line)).toEqual([2, 5]);
  });

  test('a statement is shown without its passwords', async () => {
    const {statements} = await judgeText(
      "ALTER ROLE app PASSWORD 'hush''hush'; CREATE SUBSCRIPTION s CONNECTION 'host=h password=hush1' PUBLICATION p; SELECT dblink('postgres://u:hush@h/d');",
    );
    expect(statements).toHaveLength(3);
    expect(JSON.stringify(statements.map((one) => one.statement))).not.toContain('hush');
  });

  test('several findings make one: the worst speaks, and the dearest lock stands', () => {
    const lock = {cost: 'rewrites', table: 'public.a', why: 'rewritten'} as const;
    const both = join([
      {compatibility: 'compatible', why: 'fine', lock},
      {
        compatibility: 'breaking',
        why: 'gone',
        instead: 'later',
        lock: {cost: 'brief', table: 'public.a', why: 'short'},
      },
    ]);
    expect(both).toEqual({compatibility: 'breaking', why: 'gone', instead: 'later', lock});
  });
});

test('a lock is worth words when the table is big or nobody knows', () => {
  const lock = {cost: 'rewrites', table: 'public.a', why: 'Written again', instead: 'Batch it.'} as const;
  expect(lockNote({...lock, bytes: 1024 ** 2})).toBe('');
  expect(lockNote({...lock, bytes: 300 * 1024 ** 2})).toBe('Written again: public.a holds 300 MiB. Batch it.');
  expect(lockNote(lock)).toContain('not known');
  expect(lockNote({...lock, cost: 'brief'})).toBe('');
});

test('the summary shows the worst first, escapes what migrations say, and is bounded', async () => {
  const shown = await judgeText(
    `${'CREATE TABLE a_b (id int);\n'.repeat(200)}COMMENT ON TABLE a IS '<img src=x>|';\nDROP TABLE orders;`,
  );
  const text = schemaSummary(shown, {from: 'a'.repeat(40), to: 'b'.repeat(40)});
  const rows = text.split('\n').filter((line) => /^\| [✅❌❔]/u.test(line));
  expect(rows[0]).toContain('DROP TABLE orders');
  expect(rows.length).toBe(60);
  expect(text).toContain('and 142 more');
  expect(text).not.toContain('<img');
});
