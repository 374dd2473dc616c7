import {Failure} from '../../src/kernel/errors.js';
import type {HistoryFiles} from '../../src/monitor/history-files.js';
import type {Snapshot} from '../../src/monitor/snapshot.js';
import type {MonitorSession, MonitorStep} from '../../src/release/monitor-flow.js';
import {openMonitor} from '../../src/release/monitor-opening.js';
import {keepPace} from '../../src/release/monitor-pace.js';
import {monitorSummary, stepLine} from '../../src/report/monitor-summary.js';
import {oneLine} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type MonitorInputs = Inputs<typeof spec>;

export async function run(inputs: MonitorInputs, runner: Run): Promise<Report<typeof spec>> {
  const startedMs = Date.now();
  await using monitor = await openMonitor(inputs, runner);
  const {session, folder, files, config} = monitor;
  const steps: MonitorStep[] = [];
  const pace = {
    intervalMs: inputs.interval ?? config.monitor.interval,
    untilMs: startedMs + inputs.duration,
    signal: runner.signal,
  };
  for await (const step of keepPace(session, pace)) {
    steps.push(step);
    runner.log(oneLine(stepLine(step)));
  }
  if (steps.length === 0) runner.signal.throwIfAborted();
  const snapshot = await session.snapshot();
  // The page's own text is loaded when it is written.
  const {writePage} = await import('../../src/status/write-page.js');
  await writePage(folder, snapshot);
  await publishOnBranch(files, snapshot);
  return report(inputs, {session, steps, snapshot, folder, startedMs});
}

/** On a branch the page lies in `docs`, from where GitHub Pages can serve it without another action. */
async function publishOnBranch(files: HistoryFiles, snapshot: Snapshot): Promise<void> {
  if (!files.location.startsWith('branch ')) return;
  const {pageTexts} = await import('../../src/status/write-page.js');
  for (const [name, text] of pageTexts(snapshot)) await files.replace(`docs/${name}`, text);
  await files.flush();
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
    status.services.map(({name, condition, detail, latencyMs, budget, spark}) => ({
      name,
      condition,
      detail,
      latencyMs,
      spark,
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
        .map(({id, services, sinceMs, suspect}) => ({id, title: services.join(', '), sinceMs, suspect})),
      facts: status.freshness,
      sent: steps.reduce((sum, {dispatched}) => sum + dispatched.sent.length, 0),
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
