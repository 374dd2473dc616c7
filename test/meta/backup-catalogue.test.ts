import {readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import {parse} from 'yaml';

const root = resolve(import.meta.dirname, '..', '..');

/** What goes wrong with backups in the field, what must happen then, and the tests that show it: file, part of a title. */
const catalogue: ReadonlyArray<
  readonly [row: number, wrong: string, required: string, tests: ReadonlyArray<readonly [file: string, title: string]>]
> = [
  [
    1,
    'a dump that fails behind a pipe',
    'every program is awaited; nothing is stored',
    [
      ['twin/backup-failures', 'row 1: pg_dump ends with 1 after'],
      ['twin/backup-failures', 'row 1: pg_dump succeeds without a byte'],
    ],
  ],
  [
    2,
    'an exit code read from elsewhere',
    'the typed result of the program decides',
    [['twin/backup-failures', 'row 2: a wrong password']],
  ],
  [
    3,
    'a full disk cuts the dump',
    'no disk in the path; named when a program meets it',
    [
      ['twin/backup-failures', 'row 3: a full disk is named'],
      ['twin/backup-set', 'leaves no temporary file behind'],
    ],
  ],
  [4, 'warnings taken for failure', 'the exit code decides; warnings are shown', [['twin/backup-catalogue', 'row 4:']]],
  [
    5,
    'a client older than its server',
    'both versions are named before anything starts',
    [['twin/backup-failures', 'row 5, 6, 7:']],
  ],
  [6, 'the same, hidden by a pipe', 'as above', [['twin/backup-failures', 'row 5, 6, 7:']]],
  [
    7,
    'a client newer than its server',
    'the rule of versions, on both sides',
    [
      ['twin/backup-failures', 'row 7, 8:'],
      ['twin/backup-failures', 'row 5, 6, 7:'],
    ],
  ],
  [
    8,
    'an archive that no client at hand reads',
    'the manifest names the client',
    [['twin/backup-failures', 'row 7, 8:']],
  ],
  [9, 'a plain dump of another tool', 'refused by name', [['twin/backup-catalogue', 'row 9:']]],
  [
    10,
    'the wrong or an empty database',
    'refused by expected tables and emptiness',
    [['twin/backup-failures', 'row 10:']],
  ],
  [11, 'a connection that breaks', 'fatal and retryable', [['twin/backup-failures', 'row 11:']]],
  [12, 'a backend that is terminated', 'fatal, although the half archive lists', [['twin/backup-failures', 'row 12:']]],
  [13, 'a peer that falls silent', 'a limit on silence', [['twin/backup-failures', 'row 13:']]],
  [
    14,
    'a pooler in the way',
    'recognised; the direct address is asked for',
    [['twin/backup-failures', '14: a pooler']],
  ],
  [15, 'a right that is missing', 'fatal, with the grant', [['twin/backup-failures', 'row 15:']]],
  [
    16,
    'a migration that waits for a dump',
    'it gives way and is gone from the server',
    [
      ['twin/backup-failures', 'row 16: a table that a migration has locked'],
      ['twin/backup-failures', 'row 16: a cancelled dump is gone'],
    ],
  ],
  [
    17,
    'tables that change during the dump',
    'a whole set or none, and nobody waits long',
    [['twin/backup-catalogue', 'row 17:']],
  ],
  [18, 'a damaged database', 'said so; old sets are precious', [['twin/backup-failures', '18: damaged pages']]],
  [
    19,
    'a value too large for text',
    'fatal, never skipped',
    [['twin/backup-failures', '19: a value that is too large']],
  ],
  [
    20,
    'bytes of the archive that change unseen',
    'found, at every position',
    [
      ['twin/backup-tampering', 'the untouched set is accepted'],
      ['twin/backup-tampering', 'without a signature, digests forged'],
    ],
  ],
  [
    21,
    'a store that changes bytes',
    'read back in full; a red drill',
    [
      ['twin/backup-failures', '21: a byte that the store changes'],
      ['twin/restore-drill', 'one changed byte in the store'],
    ],
  ],
  [
    22,
    'a dump that restores with half its rows',
    'counts and digests of every table',
    [
      ['twin/restore-failures', 'row 22:'],
      ['twin/restore-drill', 'rows that the manifest knows of'],
    ],
  ],
  [23, 'errors ignored on restore', 'the first one stops it', [['twin/restore-failures', 'row 23:']]],
  [24, 'an extension that the drill lacks', 'named before anything is made', [['twin/restore-failures', 'row 24:']]],
  [
    25,
    'a red drill that nobody looks at',
    'one issue; the age of the last proof can fail a check',
    [['twin/backup-catalogue', 'row 25:']],
  ],
  [
    26,
    'functions that lean on search_path',
    'the drill names function and way out',
    [['twin/backup-catalogue', 'row 26:']],
  ],
  [27, 'roles that are missing', 'keep or drop owners, said in time', [['twin/restore-failures', 'row 27:']]],
  [28, 'a unique index over duplicates', 'the key is shown', [['twin/restore-failures', 'row 28:']]],
  [
    29,
    'a restore over production',
    'typed identity, a set before, another name',
    [
      ['twin/backup-action', 'in place needs the typed identity'],
      ['twin/backup-action', 'an existing database is never written into'],
      ['twin/restore-drill', 'refuses the server that the set came from'],
    ],
  ],
  [30, 'a restore that dies half-way', 'nothing half-made stays', [['twin/restore-failures', 'row 30:']]],
  [31, 'writers during a restore', 'put out for the swap', [['twin/restore-failures', 'row 31:']]],
  [
    32,
    'an old set taken by its copy date',
    'the time in the manifest orders',
    [
      ['twin/retention-run', 'row 32:'],
      ['twin/backup-action', 'a set that is too old is refused'],
    ],
  ],
  [
    33,
    'an upload that only looks complete',
    'size and digest are asked for',
    [
      ['twin/backup-failures', 'row 33: an upload that is stored shorter'],
      ['twin/backup-failures', '33: an upload that breaks off'],
    ],
  ],
  [
    34,
    'a source that ends early',
    'its exit code before the upload is completed',
    [['twin/backup-failures', 'row 1, 34:']],
  ],
  [
    35,
    'parts nobody sees and everybody pays for',
    'aborted, swept, counted',
    [
      ['bundle/backup-kill', 'killed at 50 moments'],
      ['bundle/backup-kill', 'the post step removes'],
    ],
  ],
  [
    36,
    'credentials that end on the way',
    'a clear failure, nothing left',
    [['twin/backup-store-faults', '36: credentials that end']],
  ],
  [
    37,
    'clocks that differ; late signing',
    'asked beforehand; full parts are signed',
    [
      ['twin/store-findings', 'a set is refused before anything is stored'],
      ['twin/store-findings', 'a slow source does not make'],
      ['twin/store-findings', 'row 37: a clock that is wrong'],
    ],
  ],
  [
    38,
    'checksums that a store refuses',
    'not sent unless needed',
    [
      ['contract/storage-s3', 'no conditional writes, no added checksums'],
      ['contract/storage-protection', 'a bucket that locks by itself takes'],
    ],
  ],
  [39, 'parts of unequal size', 'one size for all', [['contract/storage-s3', 'Cloudflare R2: equal parts']]],
  [
    40,
    'conditions refused or ignored',
    'looked beforehand, ids are random',
    [
      ['contract/storage-s3', 'a gateway that ignores conditions'],
      ['contract/storage-s3', 'Backblaze B2: no conditional writes'],
    ],
  ],
  [41, 'two backups at once', 'two whole sets', [['twin/backup-store-faults', 'row 41:']]],
  [42, 'throttling, resets, errors', 'repeated part by part', [['twin/backup-store-faults', 'row 42:']]],
  [
    43,
    'old sets removed while new ones fail',
    'nothing goes when the newest is too old',
    [['twin/retention-run', 'when backups have stopped everything stays']],
  ],
  [
    44,
    'failed sets counted as the ones to keep',
    'only sound ones count',
    [['unit/retention-plan', 'five failures after two good ones']],
  ],
  [
    45,
    'a listing that ends early',
    'paged, and checked against what was seen',
    [
      ['twin/retention-scale', '2 500 sets with 20 000 objects'],
      ['twin/retention-run', 'row 45:'],
    ],
  ],
  [
    46,
    'an empty or failed listing',
    'never a reason to delete',
    [
      ['twin/retention-run', 'an empty series is no reason'],
      ['twin/retention-run', 'a listing that is denied'],
    ],
  ],
  [47, 'retention without effect', 'counts and bytes in every summary', [['twin/backup-catalogue', 'row 47:']]],
  [
    48,
    'a prefix of somebody else',
    'only what the manifest of this series lists',
    [
      ['twin/retention-run', 'removed, whole, and nothing else'],
      ['twin/backup-tampering', 'a set moved to another name'],
    ],
  ],
  [
    49,
    'a lock that refuses deletion',
    'kept, and not failed',
    [
      ['twin/retention-run', 'a set that its lock keeps'],
      ['contract/storage-protection', 'what is never replaced is locked'],
    ],
  ],
  [50, 'a recipient that expired', 'refused, warned about before', [['twin/backup-failures', 'row 50:']]],
  [
    51,
    'a private key that was lost',
    'one recipient is warned about; a drill without key is red',
    [['twin/backup-catalogue', 'row 51:']],
  ],
  [52, 'a recipient that was swapped', 'pinned fingerprints', [['twin/backup-failures', 'row 52:']]],
  [
    53,
    'a forged set',
    'the signature decides',
    [
      ['twin/backup-action', 'an unsigned or foreign manifest is refused'],
      ['twin/backup-tampering', 'is stopped by the signature'],
    ],
  ],
  [54, 'memory that grows with the size', 'bounded both ways', [['twin/backup-catalogue', 'row 54:']]],
  [
    55,
    'a password in arguments or logs',
    'in no process list and no message',
    [
      ['twin/backup-failures', 'row 55:'],
      ['bundle/canary', 'an argument of a process, and a file left behind'],
    ],
  ],
  [
    56,
    'a password given to whoever answers',
    'login tied to the certificate',
    [['twin/backup-failures', 'row 56: whoever answers']],
  ],
  [57, 'no room for a drill', 'said before anything is started', [['twin/backup-catalogue', 'row 57:']]],
  [58, 'the limit of a job', 'a deadline ends it in order', [['twin/backup-catalogue', 'row 58:']]],
  [
    59,
    'a schedule that was switched off',
    'freshness by what lies there',
    [['twin/retention-run', 'freshness goes by the age']],
  ],
  [
    60,
    'schedules at full hours',
    'odd minutes; freshness by age',
    [['meta/backup-catalogue', 'no schedule starts at a full hour']],
  ],
  [
    61,
    'assets that change, links out of the tree',
    'refused both ways',
    [
      ['twin/backup-assets', 'an archive from elsewhere'],
      ['twin/backup-assets', 'with a file that nobody may read'],
    ],
  ],
  [
    62,
    "the application's keys are missing",
    'a restore without configuration warns',
    [['twin/backup-passphrase', 'row 62:']],
  ],
  [
    63,
    'the store dies with the database',
    'a second store with keys of its own; warned about when two are with one provider',
    [
      ['twin/store-findings', 'row 63: database and store'],
      ['twin/store-findings', 'row 63: two stores'],
      ['twin/copy-set', 'row 63: a copy of a set'],
      ['twin/copy-set', 'a byte that the first store changes'],
      ['twin/second-store', 'every set is copied after its seal'],
      ['twin/second-store', 'a second store that is down'],
      ['twin/second-store', 'with the first store gone'],
      ['bundle/copy-kill', 'killed at 30 moments'],
    ],
  ],
  [
    64,
    'a backup of a standby',
    'the manifest says so, and what it had replayed',
    [['twin/backup-catalogue', 'row 64:']],
  ],
];

describe('the failure catalogue of backups', () => {
  test('has every row, once', () => {
    expect(catalogue.map(([row]) => row)).toEqual(Array.from({length: 64}, (_, i) => i + 1));
  });

  test.each(catalogue)('row %d, %s: %s', (_row, _wrong, _required, tests) => {
    expect(tests.length).toBeGreaterThan(0);
    expect(tests.filter(([file, title]) => !isTested(file, title))).toEqual([]);
  });

  test('no schedule starts at a full hour', () => {
    for (const name of ['backup', 'restore-drill']) {
      const {on} = parse(readFileSync(join(root, '.github', 'workflows', `${name}.yml`), 'utf8')) as {
        on: {schedule: Array<{cron: string}>};
      };
      for (const {cron} of on.schedule) expect(Number(cron.split(' ')[0]) % 15).not.toBe(0);
    }
  });
});

/** A title, or a row of a table of titles, that holds these words; skipped tests show nothing. */
function isTested(file: string, title: string): boolean {
  const text = readFileSync(join(root, 'test', `${file}.test.ts`), 'utf8');
  const words = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const titles = text.split('\n').filter((line) => new RegExp(`['"\`][^'"\`]*${words}`).test(line));
  return titles.some((line) => !/\b(skip|todo)\b/.test(line)) && file !== '';
}
