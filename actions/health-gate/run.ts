import {join, resolve} from 'node:path';
import {type LoadedConfig, loadConfig} from '../../src/config/load-config.js';
import {type Config, configSchema} from '../../src/config/schema.js';
import type {Verdict} from '../../src/gate/gate.js';
import {type GateRun, type GateSide, gateProblems, runGate} from '../../src/gate/run-gate.js';
import {systemClock} from '../../src/kernel/clock.js';
import {Failure, refusal} from '../../src/kernel/errors.js';
import {checkSecrets} from '../../src/release/check-secrets.js';
import {openPlatforms} from '../../src/release/connection.js';
import {mergeEvidence, writeEvidence} from '../../src/release/gate-evidence.js';
import {bearerInput, failedCheckAnnotations, gateChecks, gateSettings, locate} from '../../src/release/gate-plan.js';
import {railwayTraffic} from '../../src/release/gate-traffic.js';
import {openLedger} from '../../src/release/ledger-access.js';
import {bypassHeader, operatorBypass} from '../../src/release/maintenance-bypass.js';
import {badSinceMs} from '../../src/release/outage.js';
import {gateSummary, mergeSummary} from '../../src/report/gate-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type GateInputs = Inputs<typeof spec>;

export async function run(inputs: GateInputs, runner: Run): Promise<Report<typeof spec>> {
  const file = await loadConfig(inputs.config, {root: rootOf(runner), optional: true});
  if (inputs.merge?.length) return merge(inputs, inputs.merge, file?.config, runner);
  const plan = planOf(inputs, file, runner);
  const problems = gateProblems(plan);
  if (problems.length) throw refusal('GATE_PLAN', "The gate's plan was", locate(problems, file, file?.config));
  const traffic = await trafficOf(inputs, file?.config, plan, runner);
  const result = await runGate({...plan, ...(traffic ? {traffic} : {})});
  runner.log(oneLine(result.sentence, 1_500));
  const evidenceFile = await writeEvidence(evidencePath(inputs, runner), result.record);
  const annotations =
    result.verdict === 'fail' ? failedCheckAnnotations(result.record.blamed, result.sentence, file) : [];
  for (const annotation of annotations) runner.annotate(annotation);
  // A place among several only collects; the verdict is the merge's to note.
  if (!inputs.place) await noteVerdict(inputs, file?.config, runner, result.verdict, badSinceMs(result.record));
  return {
    outputs: {
      verdict: result.verdict,
      sentence: oneLine(result.sentence, 1_500),
      'evidence-file': evidenceFile,
      rounds: result.rounds,
      evidence: result.evidence,
      'duration-ms': Math.round(result.durationMs),
    },
    summary: gateSummary(result.record, inputs.stage),
    ...failing(inputs, result.verdict, result.sentence),
  };
}

/** Joins what several places found; sends no probe. */
async function merge(
  inputs: GateInputs,
  paths: readonly string[],
  config: Config | undefined,
  runner: Run,
): Promise<Report<typeof spec>> {
  const merged = await mergeEvidence(paths, rootOf(runner));
  runner.log(oneLine(merged.sentence, 1_500));
  const evidenceFile = await writeEvidence(evidencePath(inputs, runner), merged);
  await noteVerdict(inputs, config, runner, merged.verdict);
  return {
    outputs: {
      verdict: merged.verdict,
      sentence: oneLine(merged.sentence, 1_500),
      'evidence-file': evidenceFile,
      rounds: merged.rounds,
      evidence: merged.overall.evidence,
    },
    summary: mergeSummary(merged, inputs.stage),
    ...failing(inputs, merged.verdict, merged.sentence),
  };
}

function failing(inputs: GateInputs, verdict: Verdict, sentence: string): {failure?: Failure} {
  return (inputs['fail-on'] as readonly string[]).includes(verdict) ? {failure: failureOf(verdict, sentence)} : {};
}

/** Users' own requests, where a token lets the gate read the platform's counts. */
async function trafficOf(
  inputs: GateInputs,
  config: Config | undefined,
  plan: GateRun,
  runner: Run,
): Promise<GateRun['traffic']> {
  if (!config?.backend || !inputs['railway-token'] || inputs.url || plan.policy['traffic-metrics'] === 'off')
    return undefined;
  const {backend} = await openPlatforms(config, inputs, ['backend']);
  return (
    backend &&
    railwayTraffic(backend, plan.candidate.readyAtMs ?? systemClock.now(), systemClock, (line) =>
      runner.debug(oneLine(line)),
    )
  );
}

/** The resolved plan: file and inputs joined; an input always wins. */
function planOf(inputs: GateInputs, file: LoadedConfig | undefined, runner: Run): GateRun {
  const config = file?.config;
  const secretOf = checkSecrets(inputs, runner);
  const urls = {
    frontend: inputs['frontend-url'] ?? config?.frontend?.url,
    backend: inputs['backend-url'] ?? config?.backend?.url,
  };
  const bypass = inputs['vercel-protection-bypass'];
  const asked = inputs.commit ?? runner.env.GITHUB_SHA;
  const commit = asked === 'any' ? undefined : asked;
  const candidate: GateSide = {
    urls: known(urls),
    ...(bypass ? {protectionBypass: bypass} : {}),
    ...(inputs['behind-maintenance'] ? {headers: pastTheBlock(inputs, config, runner)} : {}),
    ...(commit ? {commit} : {}),
    ...(inputs['ready-at'] ? {readyAtMs: Date.parse(inputs['ready-at'])} : {}),
  };
  const baseline = inputs['baseline-url'];
  return {
    policy: {
      ...gateSettings(config?.gate, inputs),
      ...liveWarmUp(inputs, config),
      ...(inputs.runners ? {runners: inputs.runners} : {}),
    },
    checks: gateChecks(config?.checks, inputs, urls).filter(
      (check) => check.url !== undefined || inputs.components.includes(check.target ?? 'backend'),
    ),
    stage: inputs.stage,
    candidate,
    ...(baseline ? {baseline: {urls: {frontend: baseline}, ...(bypass ? {protectionBypass: bypass} : {})}} : {}),
    signal: runner.signal,
    progress: (line) => runner.log(oneLine(line)),
    resolveSecret: (name) => (name === bearerInput ? inputs['bearer-token'] : secretOf(name)),
    ...(inputs.place ? {place: inputs.place} : {}),
  };
}

/** @throws refusal INPUT when nothing says what gets past the block. */
function pastTheBlock(inputs: GateInputs, config: Config | undefined, runner: Run): Readonly<Record<string, string>> {
  const secret = operatorBypass(inputs['bypass-secret'], inputs['railway-token']);
  if (secret === undefined && config && !config.backend) return {};
  if (secret === undefined)
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'input `behind-maintenance`',
        what: 'needs `railway-token` or `bypass-secret`, and neither was given',
        remedy: 'Pass the same one as to the maintenance action',
      },
    ]);
  runner.mask(secret);
  return {[bypassHeader]: secret};
}

const liveWarmUpMs = 5_000;

/** A live product was warm already: a long warm-up would only delay its rollback. A given input is still obeyed. */
function liveWarmUp(inputs: GateInputs, config: Config | undefined): {'warm-up'?: number} {
  if (inputs.stage !== 'live' || inputs['warm-up'] !== undefined) return {};
  return {'warm-up': Math.min(config?.gate['warm-up'] ?? liveWarmUpMs, liveWarmUpMs)};
}

function known(urls: Readonly<Record<string, string | undefined>>): GateSide['urls'] {
  return Object.fromEntries(Object.entries(urls).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function evidencePath(inputs: GateInputs, runner: Run): string {
  if (inputs['evidence-file']) return resolve(rootOf(runner), inputs['evidence-file']);
  return join(
    runner.env.RUNNER_TEMP ?? rootOf(runner),
    `switchback-evidence-${inputs.merge?.length ? 'merged' : inputs.stage}.json`,
  );
}

/** The ledger learns the verdict, so that "last known good" means gated after promotion. */
async function noteVerdict(
  inputs: GateInputs,
  config: Config | undefined,
  runner: Run,
  verdict: Verdict,
  sinceMs?: number,
): Promise<void> {
  if (!inputs['ledger-id']) return;
  const ledger = await openLedger(config ?? configSchema.parse({version: 1, product: 'product'}), inputs, runner);
  const isOutage = inputs.stage === 'live' && verdict === 'fail' && sinceMs !== undefined;
  const since = isOutage ? {'bad-since': String(Math.round(sinceMs))} : {};
  await ledger.append(inputs['ledger-id'], 'gated', {stage: inputs.stage, verdict, ...since});
  if (inputs.stage === 'live' && verdict === 'pass') await ledger.append(inputs['ledger-id'], 'good');
}

const remedies: Readonly<Record<Verdict, string>> = {
  fail: 'Read the first failures in the job summary; the release goes back, or is not promoted.',
  inconclusive:
    'Look at the evidence in the job summary: give the gate more time (`max-duration`), or decide by hand; `on-timeout` says what an undecided gate reports.',
  error: 'Make the product reachable from the runner (login wall, network, name resolution) and run the gate again.',
  pass: 'Nothing.',
};

function failureOf(verdict: Verdict, sentence: string): Failure {
  return new Failure(`GATE_${verdict.toUpperCase()}`, sentence, {remedy: remedies[verdict]});
}

function rootOf(runner: Run): string {
  return runner.env.GITHUB_WORKSPACE ?? process.cwd();
}
