import {formatDuration} from '../../src/kernel/duration.js';
import {Failure} from '../../src/kernel/errors.js';
import type {ReleaseRecord} from '../../src/ledger/record.js';
import {openPlatforms} from '../../src/release/connection.js';
import {openLedger} from '../../src/release/ledger-access.js';
import {
  enterMaintenance,
  leaveMaintenance,
  type MaintenanceContext,
  type SideResult,
} from '../../src/release/maintenance.js';
import {operatorBypass} from '../../src/release/maintenance-bypass.js';
import {type MaintenanceState, readMaintenance} from '../../src/release/maintenance-window.js';
import {readProduct} from '../../src/release/product.js';
import {cell, oneLine, table} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type MaintenanceInputs = Inputs<typeof spec>;
type Result = Report<typeof spec>;

export async function run(inputs: MaintenanceInputs, runner: Run): Promise<Result> {
  const startedMs = Date.now();
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = await readProduct(inputs, root, runner.env['GITHUB_REPOSITORY']);
  const ledger = await openLedger(config, inputs, runner);
  if (inputs.mode === 'status') return status(await readMaintenance(ledger.store));
  const context: MaintenanceContext = {
    config,
    tokens: inputs,
    platforms: await openPlatforms(config, inputs, inputs.components, {mask: runner.maskFound}),
    store: ledger.store,
    root,
    commit: runner.env['GITHUB_SHA'] ?? '',
    call: {signal: runner.signal, progress: (line) => runner.log(oneLine(line))},
  };
  if (inputs.mode === 'off') {
    const left = await leaveMaintenance(context);
    return report('off', left.sides, {startedMs, runner});
  }
  const untilMs = Date.now() + (inputs.for ?? config.maintenance.for);
  const derived = operatorBypass(undefined, inputs['railway-token']);
  if (derived) runner.mask(derived);
  const bypass = inputs['bypass-secret'];
  const entered = await enterMaintenance(context, {reason: inputs.reason, untilMs, ...(bypass && {bypass})});
  return report('on', entered.sides, {
    startedMs,
    runner,
    untilMs,
    operatorUrl: entered.record.anchors.frontend?.url,
    window: entered.record,
  });
}

function status(state: MaintenanceState): Result {
  const until = state.untilMs === undefined ? undefined : new Date(state.untilMs).toISOString();
  const forgotten = state.on && state.untilMs !== undefined && state.untilMs < Date.now();
  const text = !state.on
    ? 'Maintenance mode is off'
    : `Maintenance mode is ${state.unfinished ? 'half on: a run died in between' : 'on'}${until ? ` until ${until}` : ''}${state.reason ? `: ${cell(state.reason)}` : ''}`;
  const failure =
    forgotten || state.unfinished
      ? new Failure(
          forgotten ? 'MAINTENANCE_FORGOTTEN' : 'MAINTENANCE_UNFINISHED',
          `${text}${forgotten ? ', and nobody lifted it' : ''}`,
          {remedy: 'Run the maintenance workflow with mode off (or on, to finish switching it on).'},
        )
      : undefined;
  return {
    outputs: {state: !state.on ? 'off' : state.unfinished ? 'partly' : 'on', changed: false, until},
    summary: `## ${state.on ? '🚧' : '✅'} ${text}\n`,
    ...(failure && {failure}),
  };
}

interface Ending {
  readonly startedMs: number;
  readonly runner: Run;
  readonly untilMs?: number;
  readonly operatorUrl?: string | undefined;
  readonly window?: Pick<ReleaseRecord, 'release' | 'createdAtMs'>;
}

function report(
  mode: 'on' | 'off',
  sides: readonly SideResult[],
  {startedMs, runner, untilMs, operatorUrl, window}: Ending,
): Result {
  const tookMs = Date.now() - startedMs;
  for (const side of sides) runner.log(`${side.component}: ${side.outcome}, ${oneLine(side.seen)}`);
  const failed = sides.filter((side) => side.outcome === 'failed');
  const seen = (component: SideResult['component']) => sides.find((side) => side.component === component)?.seen;
  const result: Result = {
    outputs: {
      state: failed.length ? 'partly' : mode,
      changed: sides.some((side) => side.outcome === 'changed'),
      frontend: seen('frontend'),
      backend: seen('backend'),
      'duration-ms': tookMs,
      ...(mode === 'on' && {until: new Date(untilMs!).toISOString(), 'operator-url': operatorUrl}),
      ...(window && {window: window.release, since: new Date(window.createdAtMs).toISOString()}),
    },
    summary: [
      `## ${failed.length ? '❌' : mode === 'on' ? '🚧' : '✅'} Maintenance mode ${failed.length ? `only partly ${mode}` : mode} after ${formatDuration(tookMs)}`,
      '',
      table(
        ['side', 'result', 'what users get, seen from outside'],
        sides.map((side) => [side.component, side.outcome, cell(side.seen)]),
      ),
      '',
      ...(operatorUrl ? [`Operators can look behind the page: ${cell(operatorUrl)}`, ''] : []),
    ].join('\n'),
  };
  if (!failed.length) return result;
  const lines = failed.map((side) => `- ${side.component}: ${side.failure!.message}. ${side.failure!.remedy}`);
  return {
    ...result,
    failure: new Failure('MAINTENANCE_PARTLY', `Maintenance mode is only partly ${mode}:\n${lines.join('\n')}`, {
      remedy: 'Run it again: what is done is only verified.',
    }),
  };
}
