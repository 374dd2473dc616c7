import type {GateResult, GateSide} from '../../src/gate/run-gate.js';
import {formatDuration} from '../../src/kernel/duration.js';
import {Failure, messageOf} from '../../src/kernel/errors.js';
import {factOf, stateOf} from '../../src/ledger/history.js';
import type {ReleaseRecord} from '../../src/ledger/record.js';
import type {Component} from '../../src/platforms/platform.js';
import {behindPage} from '../../src/release/behind-page.js';
import {checkSecrets} from '../../src/release/check-secrets.js';
import {openPlatforms} from '../../src/release/connection.js';
import {closeIncident, reportIncident} from '../../src/release/incident.js';
import {type LedgerAccess, openLedger, pinSentence} from '../../src/release/ledger-access.js';
import {enterMaintenance, leaveMaintenance, type SideResult} from '../../src/release/maintenance.js';
import {bypassHeader, operatorBypass} from '../../src/release/maintenance-bypass.js';
import {meetsMaintenance} from '../../src/release/maintenance-seen.js';
import {readMaintenance} from '../../src/release/maintenance-window.js';
import {outageMs} from '../../src/release/outage.js';
import {readProduct} from '../../src/release/product.js';
import {gateProduct, liveUrls} from '../../src/release/product-gate.js';
import {type ComponentResult, rollBack} from '../../src/release/rollback.js';
import {planRollback, type RollbackPlan} from '../../src/release/rollback-targets.js';
import {type SchemaObstacle, schemaObstacle, waysOut} from '../../src/release/schema-obstacle.js';
import {wayBackPolicy} from '../../src/release/way-back-gate.js';
import {obstacleSummary} from '../../src/report/obstacle-summary.js';
import {rollbackSummary, timing} from '../../src/report/rollback-summary.js';
import {oneLine} from '../../src/report/text.js';
import {openGitHub} from '../../src/runner/github.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type RollbackInputs = Inputs<typeof spec>;
type Product = Awaited<ReturnType<typeof readProduct>>;

/** What the reason of a window begins with that a rollback opened itself. */
const schemaReason = 'schema';

/** The cancel that started this step must not stop it: the way back is walked to its end. */
const ownSignal = () => AbortSignal.timeout(30 * 60_000);

export async function run(inputs: RollbackInputs, runner: Run): Promise<Report<typeof spec>> {
  const startedMs = Date.now();
  const {config} = await readProduct(
    inputs,
    runner.env['GITHUB_WORKSPACE'] ?? process.cwd(),
    runner.env['GITHUB_REPOSITORY'],
  );
  const ledger = await openLedger(config, inputs, {env: runner.env, signal: ownSignal(), annotate: runner.annotate});
  if (inputs.component === 'unpin') return unpin(ledger, inputs, runner);
  const wanted = (inputs.component === 'all' ? (['frontend', 'backend'] as const) : [inputs.component]).filter(
    (component) => config[component],
  );
  const platforms = await openPlatforms(config, inputs, wanted, {mask: runner.maskFound});
  const meeting = meetsMaintenance(config);
  const plan = await planRollback(ledger.store, {
    to: inputs.to,
    components: wanted,
    recordId: inputs['ledger-id'],
    release: inputs.release,
  });
  const obstacle = schemaObstacle(plan);
  const override = obstacle && inputs['override-schema'] ? overriddenBy(obstacle, runner) : undefined;
  if (obstacle && !override && !inputs['dry-run']) {
    // By hand nothing has failed yet: a product that works is not taken down because its way back is barred.
    if (inputs.to !== 'anchor') throw barred(obstacle);
    return stopAtMaintenance({inputs, runner, config, platforms, ledger, plan, obstacle, startedMs});
  }
  if (obstacle) announce(obstacle, override, runner);
  runner.log(`Going back to ${plan.description}.`);
  if (!inputs['dry-run'])
    await ledger.append(plan.leaving?.id, 'intent', {
      do: 'rollback',
      ...(override && {override: `schema-${obstacle!.verdict}`, by: actorOf(runner)}),
      ...Object.fromEntries(plan.targets.map(({component, anchor}) => [`to-${component}`, anchor.deploymentId])),
    });
  const window = (await meeting) ? (await readMaintenance(ledger.store)).record : undefined;
  if (window) runner.log('Maintenance mode is on: its page stays up, and its end shows the restored frontend.');
  const sides =
    window && platforms.frontend
      ? {...platforms, frontend: behindPage(platforms.frontend, ledger.store, window)}
      : platforms;
  const results = await rollBack(sides, plan.targets, {
    signal: ownSignal(),
    progress: (line) => runner.log(oneLine(line)),
    timeoutMs: inputs.timeout ?? 1_200_000,
    dryRun: inputs['dry-run'],
    allowRebuild: inputs['allow-rebuild'],
    ...(inputs['newer-than'] && {newerThanMs: Date.parse(inputs['newer-than'])}),
    reason: inputs.reason,
  });
  const restoreMs = Date.now() - startedMs;
  if (inputs['dry-run'])
    return finish({
      inputs,
      config,
      plan,
      results,
      startedMs,
      restoreMs,
      gate: undefined,
      pin: undefined,
      left: leftOver(results, undefined),
      override,
    });
  const gate = await gateAgain(inputs, config, plan, results, runner, window);
  const still =
    window && openedByRollback(window) && gate?.verdict === 'pass' && inputs.component === 'all'
      ? await endMaintenance(inputs, config, platforms, ledger, runner)
      : [];
  const left = [...still, ...leftOver(results, gate)];
  const pin =
    inputs.pin && results.some((result) => result.state === 'restored')
      ? await leavePin(ledger, plan, inputs, runner)
      : undefined;
  await note(ledger, plan, results, gate, left);
  const report = finish({
    inputs,
    config,
    plan,
    results,
    startedMs,
    restoreMs,
    gate,
    pin,
    left,
    override,
  });
  const {'duration-ms': totalMs, 'outage-ms': outage} = report.outputs;
  runner.log(timing({totalMs: Number(totalMs), outageMs: outage as number | undefined, rtoMs: config.objectives.rto}));
  if (inputs.incident) await openIncident(inputs, plan, results, left, report.summary ?? '', runner);
  return report;
}

/** Windows that a person opened are for a person to close. */
function openedByRollback(window: ReleaseRecord): boolean {
  return factOf(window, 'why')?.startsWith(schemaReason) ?? false;
}

/**
 * What is restored passed its gate behind the page that a rollback had put up, so the page comes down.
 * @returns what is left to do by hand.
 */
async function endMaintenance(
  inputs: RollbackInputs,
  config: Product['config'],
  platforms: Awaited<ReturnType<typeof openPlatforms>>,
  {store}: LedgerAccess,
  runner: Run,
): Promise<string[]> {
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const call = {signal: ownSignal(), progress: (line: string) => runner.log(oneLine(line))};
  const commit = runner.env['GITHUB_SHA'] ?? '';
  const {sides} = await leaveMaintenance({config, tokens: inputs, platforms, store, root, commit, call});
  for (const one of sides) runner.log(`Maintenance mode off, ${one.component}: ${oneLine(one.seen)}`);
  return sides.flatMap(({component, failure}) =>
    failure ? [`maintenance mode, ${component}: ${failure.message}. ${failure.remedy}`] : [],
  );
}

function actorOf(runner: Run): string {
  return runner.env['GITHUB_ACTOR'] ?? runner.env['USER'] ?? 'switchback';
}

function overriddenBy(obstacle: SchemaObstacle, runner: Run): string {
  return `${actorOf(runner)} overrode the schema verdict ${obstacle.verdict} of ${obstacle.release}`;
}

function announce(obstacle: SchemaObstacle, override: string | undefined, runner: Run): void {
  runner.annotate({
    level: 'warning',
    title: 'Schema',
    message: override
      ? `${override}. ${obstacle.sentence}`
      : `${obstacle.sentence} A run that is not dry is refused unless \`override-schema\` is set.`,
  });
}

function barred(obstacle: SchemaObstacle): Failure {
  return new Failure(
    'ROLLBACK_SCHEMA',
    `${obstacle.sentence} Nothing was changed.\n${waysOut(obstacle)
      .map((line) => `- ${oneLine(line, 600)}`)
      .join('\n')}`,
    {
      remedy:
        'Choose one of the two ways out above; when you know that old code can live with it, run again with `override-schema: true`.',
    },
  );
}

interface Stop {
  readonly inputs: RollbackInputs;
  readonly runner: Run;
  readonly config: Product['config'];
  readonly platforms: Awaited<ReturnType<typeof openPlatforms>>;
  readonly ledger: LedgerAccess;
  readonly plan: RollbackPlan;
  readonly obstacle: SchemaObstacle;
  readonly startedMs: number;
}

/** Old code over a schema that it cannot use makes an outage worse: users get the page, and a person decides. */
async function stopAtMaintenance({
  inputs,
  runner,
  config,
  platforms,
  ledger,
  plan,
  obstacle,
  startedMs,
}: Stop): Promise<Report<typeof spec>> {
  runner.log(
    `The schema verdict of ${obstacle.release} is ${obstacle.verdict}, so old code is not brought back; switching maintenance on.`,
  );
  const call = {signal: ownSignal(), progress: (line: string) => runner.log(oneLine(line))};
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const context = {config, tokens: inputs, platforms, store: ledger.store, root, commit: plan.leaving!.commit, call};
  const {sides} = await enterMaintenance(context, {
    reason: `${schemaReason} ${obstacle.verdict} in ${obstacle.release}`,
    untilMs: Date.now() + config.maintenance.for,
  });
  const down = sides
    .filter((side) => side.outcome === 'failed')
    .map((side) => `${side.component}: ${side.failure!.message}. ${side.failure!.remedy}`);
  if (stateOf(plan.leaving!) !== 'failed')
    await ledger.append(plan.leaving?.id, 'failed', {
      schema: obstacle.verdict,
      maintenance: down.length ? 'partly' : 'on',
    });
  const report = obstacleReport(obstacle, sides, down, Date.now() - startedMs);
  if (inputs.incident) await openIncident(inputs, plan, [], [obstacle.verdict], report.summary ?? '', runner);
  return report;
}

function obstacleReport(
  obstacle: SchemaObstacle,
  sides: readonly SideResult[],
  down: readonly string[],
  tookMs: number,
): Report<typeof spec> {
  const left = [...down, ...waysOut(obstacle)];
  return {
    outputs: {
      outcome: 'maintenance',
      frontend: 'skipped',
      backend: 'skipped',
      'restore-ms': tookMs,
      'duration-ms': tookMs,
      left: left.map((line) => oneLine(line, 400)).join(' | '),
    },
    summary: obstacleSummary({...obstacle, sides, left}),
    failure: new Failure(
      'ROLLBACK_SCHEMA',
      `${obstacle.sentence} Maintenance mode is ${down.length ? 'only partly on' : 'on'}; nothing old runs on the new schema.\n${left.map((line) => `- ${oneLine(line, 600)}`).join('\n')}`,
      {remedy: 'Choose one of the two ways out above.'},
    ),
  };
}

async function unpin(ledger: LedgerAccess, inputs: RollbackInputs, runner: Run): Promise<Report<typeof spec>> {
  const released = await ledger.store.unpin(runner.env['GITHUB_ACTOR'] ?? 'unknown', Date.now());
  for (const pin of released) runner.log(`Released: ${oneLine(pinSentence(pin))}`);
  if (released.length && inputs['github-token']) {
    const github = await openGitHub(inputs['github-token'], runner.env);
    for (const pin of released)
      if (pin.release)
        await closeIncident(
          github,
          pin.release,
          `The pin was released by @${runner.env['GITHUB_ACTOR'] ?? 'unknown'}: ${oneLine(inputs.reason)}`,
        );
  }
  return {
    outputs: {outcome: 'unpinned'},
    summary: `## 📌 ${released.length ? 'Pin released' : 'There was no pin'}\n\nThe next release may promote.\n`,
  };
}

/** Gates what is live now. Skipped only when an earlier step already did it for this very state. */
async function gateAgain(
  inputs: RollbackInputs,
  config: Product['config'],
  plan: RollbackPlan,
  results: readonly ComponentResult[],
  runner: Run,
  window: ReleaseRecord | undefined,
): Promise<Pick<GateResult, 'verdict' | 'sentence'> | undefined> {
  if (!inputs.gate) return undefined;
  const untouched = results.every((result) => result.state === 'already');
  if (untouched && provenBefore(plan.leaving))
    return {verdict: 'pass', sentence: 'Gated by the step before; nothing changed since.'};
  const commit = plan.targets.find(({component}) => component === 'backend')?.anchor.commit;
  return runner.group('Gate over the restored product', () =>
    gateProduct(config, {
      stage: window ? 'candidate' : 'live',
      candidate: {
        ...(window ? pastThePage(inputs, config, results, window, runner) : {urls: liveUrls(config)}),
        ...(commit && {commit}),
        ...(inputs['vercel-protection-bypass'] && {protectionBypass: inputs['vercel-protection-bypass']}),
      },
      signal: ownSignal(),
      resolveSecret: checkSecrets(inputs, runner),
      progress: (line) => runner.log(oneLine(line)),
      policy: wayBackPolicy(config.gate),
    }),
  );
}

/** Users get the page and the block; the gate looks behind both. */
function pastThePage(
  inputs: RollbackInputs,
  config: Product['config'],
  results: readonly ComponentResult[],
  window: ReleaseRecord,
  runner: Run,
): Pick<GateSide, 'urls' | 'headers'> {
  const bypass = operatorBypass(undefined, inputs['railway-token']);
  if (bypass) runner.mask(bypass);
  const frontend = frontendUrl(results) ?? window.anchors.frontend?.url;
  return {
    urls: {...liveUrls(config), ...(frontend && {frontend})},
    ...(bypass && {headers: {[bypassHeader]: bypass}}),
  };
}

function frontendUrl(results: readonly ComponentResult[]): string | undefined {
  const result = results.find(({component}) => component === 'frontend');
  return result && result.state !== 'failed' ? result.rollback.live.url : undefined;
}

function provenBefore(record: ReleaseRecord | undefined): boolean {
  if (!record || !['rolled-back', 'failed'].includes(stateOf(record))) return false;
  return factOf(record, 'verdict', ['rolled-back', 'failed']) === 'pass';
}

function leftOver(
  results: readonly ComponentResult[],
  gate: Pick<GateResult, 'verdict' | 'sentence'> | undefined,
): string[] {
  return [
    ...results.flatMap((result) =>
      result.state === 'failed' ? [`${result.component}: ${result.failure.message}. ${result.failure.remedy}`] : [],
    ),
    ...(gate && gate.verdict !== 'pass'
      ? [
          `The restored product did not pass its gate: ${gate.sentence} Look at it now; maintenance mode or an older release may be needed.`,
        ]
      : []),
  ];
}

async function leavePin(
  ledger: LedgerAccess,
  plan: RollbackPlan,
  inputs: RollbackInputs,
  runner: Run,
): Promise<string | undefined> {
  try {
    if (await ledger.activePin()) return await ledger.activePin();
    const pin = await ledger.store.pin({
      who: actorOf(runner),
      why: inputs.reason,
      untilMs: Date.now() + inputs['pin-for'],
      ...(plan.leaving && {release: plan.leaving.release}),
      ref: plan.leaving?.commit ?? runner.env['GITHUB_SHA'] ?? 'HEAD',
    });
    return pinSentence(pin);
  } catch (error) {
    // Production is back either way; a missing pin must be seen, not undo it.
    runner.annotate({
      level: 'warning',
      title: 'Pin',
      message: `The pin could not be left, so the next release may promote: ${messageOf(error)}`,
    });
    return undefined;
  }
}

async function note(
  ledger: LedgerAccess,
  plan: RollbackPlan,
  results: readonly ComponentResult[],
  gate: Pick<GateResult, 'verdict'> | undefined,
  left: readonly string[],
): Promise<void> {
  const serving = Object.fromEntries(
    results.flatMap((result) =>
      result.state === 'failed' ? [] : [[result.component, result.rollback.live.deploymentId]],
    ),
  );
  const restored = results.some((result) => result.state === 'restored');
  const wentBack = restored || (plan.leaving && stateOf(plan.leaving) === 'rolled-back');
  // Noted even when an earlier run did it all: this run announced a change, and an announcement without an end would be
  // taken for a killed run. A release that never changed anything simply failed.
  const kind = left.length || !wentBack ? 'failed' : 'rolled-back';
  await ledger.append(plan.leaving?.id, kind, {...serving, verdict: gate?.verdict});
}

interface Ending {
  readonly inputs: RollbackInputs;
  readonly config: Product['config'];
  readonly plan: RollbackPlan;
  readonly results: readonly ComponentResult[];
  readonly startedMs: number;
  readonly restoreMs: number;
  readonly gate: Pick<GateResult, 'verdict' | 'sentence'> | undefined;
  readonly pin: string | undefined;
  readonly left: readonly string[];
  /** Who brought old code back over which verdict. */
  readonly override: string | undefined;
}

function finish({
  inputs,
  config,
  plan,
  results,
  startedMs,
  restoreMs,
  gate,
  pin,
  left,
  override,
}: Ending): Report<typeof spec> {
  const totalMs = Date.now() - startedMs;
  // What was back already is not measured again: its outage ended with the run that brought it back.
  const restored = results.some((result) => result.state === 'restored');
  const outage = gate && restored && !inputs['dry-run'] ? outageMs(plan.leaving, Date.now()) : undefined;
  const stateOn = (component: Component) =>
    results.find((result) => result.component === component)?.state ?? 'skipped';
  const servingOn = (component: Component) => {
    const result = results.find((candidate) => candidate.component === component);
    return result && result.state !== 'failed' ? result.rollback.live.deploymentId : undefined;
  };
  const outcome = left.length
    ? 'partial'
    : inputs['dry-run']
      ? 'dry-run'
      : results.some((result) => result.state === 'restored')
        ? 'restored'
        : 'already';
  const report: Report<typeof spec> = {
    outputs: {
      outcome,
      frontend: stateOn('frontend'),
      backend: stateOn('backend'),
      'frontend-deployment': servingOn('frontend'),
      'frontend-url': frontendUrl(results),
      'backend-deployment': servingOn('backend'),
      verdict: gate?.verdict,
      'restore-ms': restoreMs,
      'duration-ms': totalMs,
      'outage-ms': outage,
      left: left.map((line) => oneLine(line)).join(' | '),
    },
    summary: rollbackSummary({
      dryRun: inputs['dry-run'],
      reason: inputs.reason,
      rows: plan.targets.map(({component, anchor}) => rowOf(component, anchor.deploymentId, results)),
      verdict: gate?.verdict,
      sentence: gate?.sentence,
      totalMs,
      outageMs: outage,
      rtoMs: config.objectives.rto,
      left,
      pin,
      override,
    }),
  };
  if (!left.length) return report;
  return {
    ...report,
    failure: new Failure(
      'ROLLBACK_INCOMPLETE',
      `The rollback is not complete after ${formatDuration(totalMs)}:\n${left.map((line) => `- ${oneLine(line, 600)}`).join('\n')}`,
      {remedy: 'Do what each line says, then run the rollback workflow again: what is done is only verified.'},
    ),
  };
}

function rowOf(component: Component, target: string, results: readonly ComponentResult[]) {
  const result = results.find((candidate) => candidate.component === component);
  if (!result || result.state === 'failed')
    return {component, from: '', to: target, state: 'failed', now: 'unknown', by: '', ms: undefined};
  const {rollback} = result;
  return {
    component,
    from: '',
    to: target,
    state: result.state,
    now: rollback.live.deploymentId,
    by:
      rollback.by === 'none'
        ? result.state === 'already'
          ? 'was there already, verified'
          : 'comes when maintenance mode ends'
        : rollback.by === 'rebuild'
          ? 'built again from the commit'
          : 'kept artefact',
    ms: rollback.durationMs,
  };
}

async function openIncident(
  inputs: RollbackInputs,
  plan: RollbackPlan,
  results: readonly ComponentResult[],
  left: readonly string[],
  summary: string,
  runner: Run,
): Promise<void> {
  const changed = results.some((result) => result.state !== 'already');
  if (!inputs['github-token'] || (!changed && !left.length)) return;
  const release = plan.leaving?.release ?? inputs.release ?? 'production';
  try {
    const github = await openGitHub(inputs['github-token'], runner.env);
    const {url, repeated} = await reportIncident(github, {
      key: release,
      title: `${left.length ? 'Rollback incomplete' : 'Rolled back'}: ${release}`,
      body: summary,
    });
    runner.log(`${repeated ? 'Incident updated' : 'Incident opened'}: ${url}`);
  } catch (error) {
    runner.annotate({level: 'warning', title: 'Incident', message: `No incident could be opened: ${messageOf(error)}`});
  }
}
