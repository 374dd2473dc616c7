// npm run bench -- schema [--all]: verdicts on the corpus beside squawk's own, each statement's with --all, and the speed
// of judging 1,000 migrations.
// squawk is installed on demand into .cache/squawk; without it the rest is still measured.
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {judgeMigrations} from '../../lib/src/schema/verdict.js';
import {root} from '../node24.mjs';

const squawkVersion = '2.66.0';
const corpus = JSON.parse(readFileSync(join(root, 'test/contract/schema-corpus.json'), 'utf8'));
const kinds = ['unchanged', 'compatible', 'breaking', 'unknown'];

/** Rules of squawk about code that runs; its other rules are about locks, timeouts and taste. */
const aboutCode = new Set([
  'adding-not-nullable-field',
  'adding-required-field',
  'ban-alter-domain-with-add-constraint',
  'ban-create-domain-with-constraint',
  'ban-drop-column',
  'ban-drop-database',
  'ban-drop-not-null',
  'ban-drop-table',
  'ban-truncate-cascade',
  'changing-column-type',
  'renaming-column',
  'renaming-table',
]);
const squawk = findSquawk();
const rows = [];
for (const one of corpus.cases) {
  const before = {file: '1.sql', sql: `${corpus.base.join('\n')}\n${one.before ?? ''}`};
  const {verdict} = await judgeMigrations([before], [{file: '2.sql', sql: one.sql}]);
  rows.push({...one, verdict, squawk: squawk ? askSquawk(squawk, one.sql) : undefined});
}

console.log(`${corpus.cases.length} statements classed by hand`);
console.log(
  `\n${'by hand'.padEnd(12)}${kinds.map((kind) => kind.padStart(12)).join('')}${'squawk: warns'.padStart(18)}${'about code'.padStart(14)}`,
);
for (const kind of kinds) {
  const own = rows.filter((row) => row.class === kind);
  const counts = kinds.map((verdict) => own.filter((row) => row.verdict === verdict).length);
  const warned = own.filter((row) => row.squawk?.length);
  const code = warned.filter((row) => row.squawk.some((rule) => aboutCode.has(rule)));
  console.log(
    `${kind.padEnd(12)}${counts.map((count) => String(count).padStart(12)).join('')}${(squawk ? `${warned.length} of ${own.length}` : 'absent').padStart(18)}${(squawk ? String(code.length) : '').padStart(14)}`,
  );
}
if (process.argv.includes('--all'))
  for (const row of rows)
    console.log(
      `${row.class.padEnd(11)} ${row.verdict.padEnd(11)} ${(row.squawk?.join(',') || '-').padEnd(40)} ${row.sql.slice(0, 110)}`,
    );
else if (squawk) {
  console.log(
    '\nBreaking by hand, of which no rule of squawk about running code speaks (--all shows every statement):',
  );
  for (const row of rows.filter((one) => one.class === 'breaking' && !one.squawk.some((rule) => aboutCode.has(rule))))
    console.log(`  ${row.why.padEnd(10)} ${row.sql.slice(0, 110)}`);
}

const missed = rows.filter((row) => /breaking|unknown/.test(row.class) && /compatible|unchanged/.test(row.verdict));
const alarms = rows.filter((row) => /compatible|unchanged/.test(row.class) && /breaking|unknown/.test(row.verdict));
const harmless = rows.filter((row) => /compatible|unchanged/.test(row.class));
console.log(`\nbreaking or unknown called compatible: ${missed.length} (demanded 0)`);
console.log(`compatible called breaking or unknown: ${alarms.length} of ${harmless.length} (demanded at most 5 %)`);

const thousand = Array.from({length: 1_000}, (_, at) => ({
  file: `${at}.sql`,
  sql: corpus.cases[at % corpus.cases.length].sql,
}));
const began = performance.now();
await judgeMigrations([{file: '0.sql', sql: corpus.base.join('\n')}], thousand);
const seconds = (performance.now() - began) / 1_000;
console.log(`1,000 migrations judged in ${seconds.toFixed(2)} s (demanded under 2 s)`);
process.exitCode = missed.length || alarms.length > harmless.length * 0.05 || seconds >= 2 ? 1 : 0;

function findSquawk() {
  const folder = join(root, '.cache', 'squawk');
  const program = () => {
    const file = join(folder, 'node_modules', '@squawk-cli', `${process.platform}-${process.arch}`);
    const found = spawnSync('find', [file, '-type', 'f', '-name', 'squawk*', '-perm', '-u+r'], {encoding: 'utf8'});
    return found.stdout?.split('\n').find((line) => /\/squawk(\.exe)?$/.test(line));
  };
  if (!program()) {
    mkdirSync(folder, {recursive: true});
    spawnSync(
      'npm',
      [
        'install',
        '--prefix',
        folder,
        '--no-save',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        `squawk-cli@${squawkVersion}`,
      ],
      {stdio: 'ignore'},
    );
  }
  const file = existsSync(folder) ? program() : undefined;
  if (!file) console.log(`squawk ${squawkVersion} could not be installed, so its verdicts are left out.`);
  return file;
}

/** The rules that squawk warns about, without its exit code. */
function askSquawk(program, sql) {
  const run = spawnSync(program, ['--reporter', 'json', '--stdin-filepath', 'm.sql'], {
    input: `${sql};\n`,
    encoding: 'utf8',
  });
  const found = JSON.parse(run.stdout || '[]');
  return [...new Set(found.map((one) => one.rule_name))];
}
