import {systemClock} from '../../src/kernel/clock.js';
import {Failure, isAbort} from '../../src/kernel/errors.js';
import type {ReleaseRecord} from '../../src/ledger/record.js';
import type {HistoryFiles} from '../../src/monitor/history-files.js';
import type {Snapshot} from '../../src/monitor/snapshot.js';
import {openChannels} from '../../src/release/alert-channels.js';
import {checkSecrets} from '../../src/release/check-secrets.js';
import {openLedger} from '../../src/release/ledger-access.js';
import {MonitorSession, type MonitorStep} from '../../src/release/monitor-flow.js';
import {backupFreshness} from '../../src/release/monitor-freshness.js';
import {openHistoryFiles, pageFolder} from '../../src/release/monitor-history.js';
import {readProduct} from '../../src/release/product.js';
import {monitorSummary} from '../../src/report/monitor-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import {pageTexts, writePage} from '../../src/status/write-page.js';
import type {spec} from './spec.js';

type MonitorInputs = Inputs<typeof spec>;

export async function run(inputs: MonitorInputs, runner: Run): Promise<Report<typeof spec>> {
  const startedMs = Date.now();
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const channels = openChannels(config.alerts, inputs, runner);
  const files = await openHistoryFiles(config, inputs, runner.env, runner.signal);
  try {
    await using session = await MonitorSession.open({
      config,
      files,
      channels,
      signal: runner.signal,
      resolveSecret: checkSecrets(inputs, runner),
      protectionBypass: inputs['vercel-protection-bypass'],
      releases: () => releasesOf(inputs, config, runner),
      freshness: backupFreshness(config, inputs, runner.signal),
      links: linksOf(inputs, runner),
      warn: (message) => runner.annotate({level: 'warning', title: 'Monitor', message}),
    });
    const steps = await lookFor(session, inputs, config.monitor.interval, runner);
    const snapshot = await session.snapshot();
    const folder = pageFolder(config, inputs.page, runner.env);
    await writePage(folder, snapshot);
    await publishOnBranch(files, snapshot);
    return report(inputs, {session, steps, snapshot, folder, startedMs});
  } finally {
    await files[Symbol.asyncDispose]?.();
  }
}

/** On a branch the page lies in `docs`, from where GitHub Pages can serve it without another action. */
async function publishOnBranch(files: HistoryFiles, snapshot: Snapshot): Promise<void> {
  if (!files.location.startsWith('branch ')) return;
  for (const [name, text] of pageTexts(snapshot)) await files.replace(`docs/${name}`, text);
  await files.flush();
}

/** Rounds at their pace for the given time, or one. A cancelled run keeps what it has noted. */
async function lookFor(
  session: MonitorSession,
  inputs: MonitorInputs,
  everyMs: number,
  runner: Run,
): Promise<MonitorStep[]> {
  const untilMs = Date.now() + inputs.duration;
  const intervalMs = inputs.interval ?? everyMs;
  const steps: MonitorStep[] = [];
  for (let nextMs = Date.now(); ; ) {
    const step = await session.step();
    steps.push(step);
    runner.log(oneLine(lineOf(step)));
    nextMs = Math.max(nextMs + intervalMs, Date.now());
    if (nextMs > untilMs) return steps;
    try {
      await systemClock.sleep(nextMs - Date.now(), runner.signal);
    } catch (error) {
      if (isAbort(error)) return steps;
      throw error;
    }
  }
}

function lineOf({round, transitions, dispatched, confirmRounds}: MonitorStep): string {
  const results = [...round.results.values()];
  const failed = results.filter(({outcome}) => outcome === 'failed').length;
  const changes = transitions.map(({service, to}) => `${service} is ${to}`).join(', ');
  return `${results.length} services, ${failed} failed${confirmRounds ? `, ${confirmRounds} closer looks` : ''}${round.kind === 'void' ? ', void: the monitor itself was cut off' : ''}${changes ? `; ${changes}` : ''}${dispatched.sent.length ? `; ${dispatched.sent.length} messages sent` : ''}`;
}

async function releasesOf(
  inputs: MonitorInputs,
  config: Parameters<typeof openLedger>[0],
  runner: Run,
): Promise<ReleaseRecord[]> {
  const ledger = await openLedger(config, inputs, runner);
  const records: ReleaseRecord[] = [];
  for await (const record of ledger.store.list(20)) records.push(record);
  return records;
}

function linksOf(inputs: MonitorInputs, {env}: Run) {
  const {GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id} = env;
  return [
    ...(inputs['page-url'] ? [{text: 'Status page', url: inputs['page-url']}] : []),
    ...(server && repository && id ? [{text: 'Run', url: `${server}/${repository}/actions/runs/${id}`}] : []),
  ];
}

interface Finished {
  readonly session: MonitorSession;
  readonly steps: readonly MonitorStep[];
  readonly snapshot: Snapshot;
  readonly folder: string;
  readonly startedMs: number;
}

function report(inputs: MonitorInputs, finished: Finished): Report<typeof spec> {
  const {session, steps, snapshot, folder} = finished;
  const {status} = snapshot;
  const down = status.services.filter(({condition}) => condition === 'down').map(({name}) => name);
  const open = status.incidents.filter(({closedMs}) => closedMs === null);
  return {
    outputs: {
      state: status.overall,
      down: down.join(','),
      incidents: open.length,
      alerts: steps.reduce((sum, step) => sum + step.dispatched.sent.length, 0),
      rounds: steps.length,
      page: folder,
      'blind-ms': Math.round(session.blindMs),
    },
    summary: summaryOf(finished),
    ...failing(inputs, finished, down),
  };
}

function summaryOf({session, steps, snapshot: {status}, startedMs}: Finished): string {
  return monitorSummary(
    status.services.map(({name, condition, detail, latencyMs, budget}) => ({
      name,
      condition,
      detail,
      latencyMs,
      availability: budget.availability,
      budgetLeft: budget.left,
    })),
    {
      rounds: steps.length,
      tookMs: Date.now() - startedMs,
      blindMs: session.blindMs,
      damaged: session.watch.damaged,
      openIncidents: status.incidents
        .filter(({closedMs}) => closedMs === null)
        .map(({id, services, sinceMs}) => ({id, title: services.join(', '), sinceMs})),
      freshness: status.freshness.map(({sentence}) => sentence),
      nowMs: status.generatedMs,
    },
  );
}

function failing(inputs: MonitorInputs, {steps, snapshot}: Finished, down: readonly string[]): {failure?: Failure} {
  const failOn: readonly string[] = inputs['fail-on'];
  const {overall} = snapshot.status;
  if ((overall === 'down' && failOn.includes('down')) || (overall !== 'up' && failOn.includes('degraded')))
    return {
      failure: new Failure('MONITOR_STATE', `The product is ${overall}${down.length ? `: ${down.join(', ')}` : ''}`, {
        remedy: 'Look at the incidents in the job summary or on the status page.',
      }),
    };
  const unheard = steps.flatMap(({dispatched}) => dispatched.failed);
  const last = unheard.at(-1);
  return last && failOn.includes('channel') ? {failure: last.failure} : {};
}
