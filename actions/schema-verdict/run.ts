import {Failure} from '../../src/kernel/errors.js';
import {openLedger} from '../../src/release/ledger-access.js';
import {readProduct} from '../../src/release/product.js';
import {configuredVerdict, decidedAt} from '../../src/release/schema-finding.js';
import type {ReleaseSchemaVerdict} from '../../src/release/schema-verdict.js';
import {lockNote, schemaLines, schemaSummary} from '../../src/report/schema-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type SchemaInputs = Inputs<typeof spec>;
const shownStatements = 200;
const outputCharacters = 200_000;

export async function run(inputs: SchemaInputs, runner: Run): Promise<Report<typeof spec>> {
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const to = inputs.commit ?? runner.env['GITHUB_SHA'] ?? '';
  const from = inputs.from ?? (await anchored(config, inputs, runner));
  const {env, signal} = runner;
  const verdict = await configuredVerdict(config, inputs, {root, from, to, folder: inputs.migrations, env, signal});
  for (const line of schemaLines(verdict)) runner.log(oneLine(line, 500));
  runner.log(oneLine(verdict.sentence, 500));
  annotate(verdict, runner);
  const report = {
    outputs: {
      verdict: verdict.verdict,
      sentence: oneLine(verdict.sentence, 1_000),
      first: decidedAt(verdict),
      statements: asJson(verdict),
      migrations: verdict.migrations,
    },
    summary: schemaSummary(verdict, {from, to}),
  };
  const failing =
    inputs['fail-on'] === 'none' ? [] : inputs['fail-on'] === 'unknown' ? ['unknown', 'breaking'] : ['breaking'];
  return failing.includes(verdict.verdict) ? {...report, failure: refused(verdict)} : report;
}

async function anchored(
  config: Parameters<typeof openLedger>[0],
  inputs: SchemaInputs,
  runner: Run,
): Promise<string | undefined> {
  if (!inputs['ledger-id'])
    throw new Failure('INPUT', 'Neither `from` nor `ledger-id` was given, so the live commit is not known', {
      remedy: 'Pass the `ledger-id` output of preflight, or the full SHA of the live commit as `from`.',
    });
  const ledger = await openLedger(config, inputs, runner);
  return (await ledger.store.read(inputs['ledger-id'])).anchors.backend?.commit;
}

/** GitHub shows ten annotations of a step at most; the rest stands in the summary. */
function annotate({statements}: ReleaseSchemaVerdict, runner: Run): void {
  const telling = statements.filter((one) => one.file && /breaking|unknown/.test(one.compatibility)).slice(0, 10);
  for (const {file, line, why, instead, lock, compatibility} of telling)
    runner.annotate({
      level: 'warning',
      title: `Schema: ${compatibility}`,
      message: oneLine([why, instead, lockNote(lock)].filter(Boolean).join(' '), 800),
      file,
      line,
    });
}

/** An output has room for a megabyte; a list of any length is cut to fit. */
function asJson({statements}: ReleaseSchemaVerdict): string {
  const order = ['breaking', 'unknown', 'compatible', 'unchanged'];
  const sorted = [...statements].sort((a, b) => order.indexOf(a.compatibility) - order.indexOf(b.compatibility));
  let kept = sorted.slice(0, shownStatements);
  while (JSON.stringify(kept).length > outputCharacters) kept = kept.slice(0, Math.floor(kept.length / 2));
  return JSON.stringify(kept);
}

function refused(verdict: ReleaseSchemaVerdict): Failure {
  return new Failure('SCHEMA', `The schema verdict is ${verdict.verdict}: ${oneLine(verdict.sentence, 600)}`, {
    remedy: 'Write the migration in two releases, first expanding and later contracting; the job summary shows how.',
  });
}
