import {Failure} from '../../src/kernel/errors.js';
import type {Finding, Platform} from '../../src/platforms/platform.js';
import {type Anchors, readAnchors} from '../../src/release/anchors.js';
import {backupFindings} from '../../src/release/backup-findings.js';
import {checkSecrets} from '../../src/release/check-secrets.js';
import {openPlatforms} from '../../src/release/connection.js';
import {corsFindings} from '../../src/release/cors-findings.js';
import {gateFindings} from '../../src/release/gate-findings.js';
import {type LedgerAccess, openLedger} from '../../src/release/ledger-access.js';
import {interruptedFinding, maintenanceFinding} from '../../src/release/ledger-findings.js';
import {type Product, readProduct} from '../../src/release/product.js';
import {rebuildFindings} from '../../src/release/rebuild-finding.js';
import {releaseId} from '../../src/release/release-id.js';
import {configuredVerdict, decidedAt, schemaFinding} from '../../src/release/schema-finding.js';
import type {ReleaseSchemaVerdict} from '../../src/release/schema-verdict.js';
import {preflightLines, preflightSummary} from '../../src/report/preflight-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type PreflightInputs = Inputs<typeof spec>;
const severity = {ok: 0, warning: 1, unknown: 2, problem: 3} as const;

export async function run(inputs: PreflightInputs, runner: Run): Promise<Report<typeof spec>> {
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const product = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const opened = await openPlatforms(
    product.config,
    inputs,
    inputs.components.filter((c) => c !== 'database'),
    {mask: runner.maskFound},
  );
  const platforms = Object.values(opened);
  const ledger = await openLedger(product.config, inputs, runner);
  const {findings, anchors, pin, schema} = await look(product, platforms, ledger, inputs, runner, root);
  for (const line of preflightLines(findings)) runner.log(line);
  const failing = findings.filter((finding) => severity[finding.state] >= severity[inputs['fail-on']]);
  const base = {
    ok: failing.length === 0,
    problems: failing.length,
    findings: JSON.stringify(findings),
    ...anchorOutputs(anchors),
    'promote-order': product.config.release['promote-order'],
    pinned: pin !== undefined,
    'pin-reason': pin,
    commit: inputs.commit ?? runner.env['GITHUB_SHA'],
    'schema-verdict': schema?.verdict,
    'schema-sentence': schema && oneLine(schema.sentence, 1_000),
  };
  const summary = preflightSummary(findings, failing.length ? '❌ Preflight' : '✅ Preflight');
  if (failing.length) return {outputs: base, summary, failure: refused(failing)};
  if (!inputs['open-release']) return {outputs: base, summary};
  const record = await openRelease(ledger, anchors, inputs, runner);
  // Read by a rollback days later: it must not bring old code back over a schema that it cannot use.
  if (schema) await ledger.store.append(record.id, 'note', schemaFacts(schema));
  runner.log(`Release ${record.release} opened (ledger record ${record.id}).`);
  return {outputs: {...base, release: record.release, 'ledger-id': record.id}, summary};
}

async function look(
  product: Product,
  platforms: Platform[],
  ledger: LedgerAccess,
  inputs: PreflightInputs,
  runner: Run,
  root: string,
) {
  const {config} = product;
  const call = {signal: runner.signal, progress: (line: string) => runner.log(oneLine(line))};
  const allowMissing = inputs['allow-missing-anchor'] ?? config.release['allow-missing-anchor'];
  const requirements = (platform: Platform) => ({
    requiredVariables: config[platform.component]!['required-variables'],
    ...(runner.env['GITHUB_REPOSITORY'] && {repository: runner.env['GITHUB_REPOSITORY']}),
    ...(inputs.commit && {commit: inputs.commit}),
  });
  const configured: Finding = {
    area: 'configuration',
    check: inputs.config,
    state: product.file ? 'ok' : 'warning',
    found: product.file ? `valid; ${config.checks.length} checks` : 'absent; inputs alone describe the product',
    remedy: 'Write the file: it also holds checks and backups',
  };
  const [platformRows, anchored, backups, cors, pin, maintenance, ended] = await Promise.all([
    Promise.all(platforms.map((platform) => platform.preflight(requirements(platform), call))),
    readAnchors(platforms, allowMissing, call),
    backupFindings(config, inputs, {
      root,
      env: runner.env,
      signal: runner.signal,
      mask: runner.mask,
      database: inputs.components.includes('database'),
    }),
    corsFindings(config, runner.signal),
    ledger.activePin(),
    maintenanceFinding(ledger.store),
    interruptedFinding(ledger.store),
  ]);
  const schema = await judgeSchema(product, anchored.anchors, inputs, runner, root);
  const pins: Finding = pin
    ? {
        area: 'ledger',
        check: 'pin',
        state: 'warning',
        found: pin,
        remedy:
          'This release will be staged but not promoted; release the pin with the rollback workflow, component unpin',
      }
    : {area: 'ledger', check: 'pin', state: 'ok', found: 'none'};
  return {
    findings: [
      configured,
      ...platformRows.flat(),
      ...anchored.findings,
      ...(schema ? [schemaFinding(schema, config.database !== undefined)] : []),
      ...cors,
      ...backups,
      ...rebuildFindings(config),
      ...gateFindings(config, checkSecrets(inputs, runner)),
      pins,
      maintenance,
      ended,
    ],
    anchors: anchored.anchors,
    pin,
    schema,
  };
}

/** Without a live backend there is no old code that could meet the new schema. */
async function judgeSchema({config}: Product, {backend}: Anchors, inputs: PreflightInputs, runner: Run, root: string) {
  const to = inputs.commit ?? runner.env['GITHUB_SHA'];
  if (!backend || !to) return undefined;
  const {env, signal} = runner;
  return configuredVerdict(config, inputs, {root, from: backend.commit, to, env, signal});
}

function schemaFacts(schema: ReleaseSchemaVerdict): Record<string, string> {
  const at = decidedAt(schema);
  return {schema: schema.verdict, ...(at && {'schema-at': at})};
}

function anchorOutputs({frontend, backend}: Anchors) {
  return {
    anchors: JSON.stringify({frontend, backend}),
    'frontend-anchor': frontend?.deploymentId,
    'frontend-anchor-url': frontend?.url,
    'backend-anchor': backend?.deploymentId,
  };
}

function refused(failing: readonly Finding[]): Failure {
  const lines = failing
    .map((f) => `- ${f.area}, ${f.check}: ${oneLine(f.found, 300)}. ${oneLine(f.remedy ?? '', 300)}`)
    .join('\n');
  return new Failure(
    'PREFLIGHT',
    `Preflight found ${failing.length === 1 ? 'one problem' : `${failing.length} problems`}; nothing was changed.\n${lines}`,
    {remedy: 'Fix each line above and run again.', details: {failing}},
  );
}

async function openRelease(ledger: LedgerAccess, anchors: Anchors, inputs: PreflightInputs, runner: Run) {
  const commit = inputs.commit ?? runner.env['GITHUB_SHA'] ?? '';
  return ledger.open({release: releaseId(Date.now(), commit), commit, anchors});
}
