import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {formatBytes} from '../kernel/bytes.js';
import {formatDuration} from '../kernel/duration.js';
import {cancelled} from '../kernel/errors.js';
import type {EngineName, RehearsalArguments} from './arguments.js';
import {type Canary, canaryPassword, type Inspection, openCanary} from './canary/canary.js';
import type {EngineEvent, WorkflowRequest, WorkflowResult, WorkflowRun} from './engine/engine.js';
import {type Check, check, serving} from './outside.js';
import {type Facts, factsOf} from './parity.js';
import type {SampleProduct} from './product/kind.js';
import {startVisitor, type VisitLog, type Visitor} from './product/visitor.js';
import type {Act, Inputs, Outcome, Scenario} from './scenario.js';
import {legend, type Story, strip} from './story.js';
import {keepSummaries} from './summaries.js';
import {runWorkflow, secretsOf} from './workflow-run.js';
import {startWorld, type World} from './world.js';

export interface Rehearsal {
  readonly suiteRoot: string;
  readonly sample: SampleProduct;
  readonly nodePath: string;
  readonly start: (request: WorkflowRequest) => WorkflowRun;
  readonly story: Story;
  readonly args: Pick<RehearsalArguments, 'seed' | 'faults' | 'json' | 'canary' | 'summaries'> & {
    readonly engine: EngineName;
  };
  /** Ends the scenario early and in order. */
  readonly signal: AbortSignal;
}

/** Users look before the run and after it, so that what they were served shows both sides. */
const lookBeforeMs = 400;
const lookAfterMs = 600;
/** A user's patience; long enough that a busy machine is not taken for a broken product. */
const patienceMs = 6_000;

export interface Played {
  /** Whether the outcome was the expected one. */
  readonly ok: boolean;
  /** What another engine must end with too. */
  readonly facts: Facts;
}

/** Plays one scenario in a fresh world and judges it from outside. */
export async function rehearse(
  scenario: Scenario,
  rehearsal: Rehearsal,
  keep?: (world: World) => Promise<void>,
): Promise<Played> {
  const {story, suiteRoot, sample, args} = rehearsal;
  story.chapter(`${scenario.name}: ${scenario.about}`, {scenario: scenario.name, seed: args.seed, engine: args.engine});
  await using world = await startWorld(join(suiteRoot, '.rehearsal'), {
    sample,
    ...(scenario.config && {config: scenario.config}),
    ...(args.canary && {databasePassword: canaryPassword}),
  });
  await using canary = args.canary ? await openCanary(world, secretsOf(world)) : undefined;
  for (const {standIn, fault} of args.faults) world[standIn].faults.push({...fault});
  const start = await serving(world);
  const before = {frontend: start.frontend, backend: start.backend};
  story.event(
    'note',
    `the product is live: frontend ${before.frontend}, backend commit ${before.backend.slice(0, 7)}`,
    {anchors: before},
  );
  const startedMs = Date.now();
  const visitor = startVisitor({
    frontendUrl: world.frontendUrl,
    apiUrl: world.backendUrl,
    intervalMs: rehearsal.sample.visitEveryMs,
    timeoutMs: patienceMs,
  });
  const {
    results,
    checks: between,
    visits,
  } = await watched(visitor, () => playAll(scenario, world, {...rehearsal, ...(canary && {canary})}, before));
  const result = results.at(-1)!;
  const outcome: Outcome = {world, result, results, visits, before};
  const checks = [
    ...between,
    ...(await scenario.judge(outcome)),
    ...(canary ? leakChecks(await canary.inspect(world, results)) : []),
  ];
  const ok = checks.every((one) => one.ok);
  const facts = await factsOf(outcome);
  tellUsers(story, visits, args.json);
  if (!ok) for (const one of results) tellFailure(story, one);
  story.result(
    {
      scenario: scenario.name,
      ok,
      outcome: ok ? scenario.outcome : 'unexpected',
      conclusion: result.conclusion,
      release: result.jobs['prepare']?.outputs['release'] ?? result.jobs['backup']?.outputs['set'] ?? null,
      anchors: before,
      served: {requests: visits.requests, bad: visits.bad, by_version: visits.byVersion},
      timings_ms: timings(result, visits, startedMs),
      checks,
    },
    checks.map((one) => [one.ok, one.text]),
  );
  await keep?.(world);
  return {ok, facts};
}

/** Each find is a failed check of its own; none at all is one that passed. */
function leakChecks({finds, secrets, places, bytes, passing}: Inspection): Check[] {
  const where = `${places} places (${formatBytes(bytes)})`;
  return finds.length
    ? finds.map((find) => check(false, `a secret got out: ${find}`))
    : [check(true, `none of ${secrets} secrets is in any of ${where}; ${passing} private files held one and are gone`)];
}

/** Users look on before, during and after; whatever happens to the runs, they are stopped. */
async function watched<T>(visitor: Visitor, play: () => Promise<T>): Promise<T & {visits: VisitLog}> {
  try {
    await sleep(lookBeforeMs);
    const played = await play();
    await sleep(lookAfterMs);
    return {...played, visits: await visitor.stop()};
  } catch (error) {
    await visitor.stop();
    throw error;
  }
}

async function playAll(
  scenario: Scenario,
  world: World,
  rehearsal: Rehearsal & {readonly canary?: Canary},
  before: Outcome['before'],
): Promise<{results: WorkflowResult[]; checks: Check[]}> {
  const results: WorkflowResult[] = [];
  const checks: Check[] = [];
  for (const given of scenario.acts) {
    await given.before?.(world);
    const act = await known(given, world);
    if (scenario.acts.length > 1)
      rehearsal.story.event(
        'note',
        `${act.workflow}${
          act.inputs
            ? ` by hand: ${Object.entries(act.inputs)
                .map(([name, value]) => `${name} ${value}`)
                .join(', ')}`
            : ''
        }`,
      );
    const result = await play(act, world, rehearsal);
    results.push(result);
    const {summaries} = rehearsal.args;
    if (summaries) await keepSummaries(summaries, `${scenario.name}-${results.length}-${act.workflow}`, result);
    checks.push(...((await act.after?.({world, result, results, before})) ?? []));
  }
  return {results, checks};
}

const scheduled: readonly string[] = ['backup', 'monitor'];

type Known = Act & {readonly inputs?: Inputs};

async function known(act: Act, world: World): Promise<Known> {
  if (typeof act.inputs !== 'function') return act as Known;
  return {...act, inputs: await act.inputs(world)};
}

async function play(
  act: Known,
  world: World,
  {suiteRoot, nodePath, start, story, signal, canary}: Rehearsal & {readonly canary?: Canary},
): Promise<WorkflowResult> {
  // A signal that came before is not sent again: without this the run would go on to its end.
  if (signal.aborted) throw cancelled('The rehearsal');
  const sha = await world.product.release(act.commit ?? 'v1');
  let disturbed = false;
  // A moment after the event, so that the step is really at work.
  const disturb = (how: () => void) => {
    disturbed = true;
    setTimeout(how, 400);
  };
  const run = runWorkflow({
    world,
    suiteRoot,
    workflow: act.workflow,
    sha,
    vars: act.vars,
    secrets: act.secrets,
    nodePath,
    start,
    ...(canary && {canary}),
    ...(act.inputs
      ? {event: {name: 'workflow_dispatch', inputs: act.inputs}}
      : scheduled.includes(act.workflow) && {event: {name: 'schedule'}}),
    onEvent: (event) => {
      tell(story, event);
      if (!disturbed && act.cancelWhen?.(event)) disturb(() => run.cancel());
      if (!disturbed && act.loseRunnerWhen?.(event))
        disturb(() => {
          story.event('bad', `the runner of job ${event.job} is lost`);
          run.killRunner(event.job);
        });
    },
  });
  const stop = () => run.cancel();
  signal.addEventListener('abort', stop, {once: true});
  try {
    return await run.done;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Lines of a step that say something about the release, out of many that a log also holds. */
const telling =
  /^(FAIL|PASS|INCONCLUSIVE|ERROR|Going back|From the first bad answer|frontend:|backend:|Release r-|Incident |.* serves dpl_|.*(deployment .* created)|.*sealed|On a copy of|The migrations apply|The trial )/;

function tell(story: Story, event: EngineEvent): void {
  if (event.type === 'job-started') story.event('begin', event.name, {job: event.job});
  else if (event.type === 'job-finished')
    story.event(
      event.result === 'success' ? 'ok' : event.result === 'skipped' ? 'detail' : 'bad',
      `${event.job}: ${event.result} in ${formatDuration(event.ms)}`,
      {job: event.job, result: event.result, ms: event.ms},
    );
  else if (event.type === 'step-finished' && event.outcome !== 'skipped')
    story.event(
      event.outcome === 'success' ? 'detail' : 'bad',
      `${event.job} / ${event.name}: ${event.outcome} in ${formatDuration(event.ms)}`,
      {job: event.job, step: event.step, outcome: event.outcome, ms: event.ms},
    );
  else if (event.type === 'log' && telling.test(event.line.trim()))
    story.event('detail', `  ${event.line.trim().slice(0, 240)}`, {job: event.job, step: event.step});
  else if (event.type === 'cancel') story.event('note', `cancelled: ${event.reason}`);
}

function tellUsers(story: Story, visits: VisitLog, json: boolean): void {
  if (json) return;
  const seen = visits.visits.map((visit) => ({
    atMs: visit.atMs,
    version: `${visit.frontendVersion ?? 'no page'} page, ${visit.backendVersion ?? 'no'} backend`,
    ok: visit.ok,
  }));
  story.event('note', `what users were served  ${strip(seen)}`);
  story.event('detail', `${legend()}   ✖ a bad answer`);
  if (visits.firstBadMs !== undefined && visits.lastBadMs !== undefined)
    story.event(
      'bad',
      `from the first bad answer to the last: ${formatDuration(visits.lastBadMs - visits.firstBadMs)}`,
    );
}

function tellFailure(story: Story, result: WorkflowResult): void {
  for (const [job, {steps}] of Object.entries(result.jobs)) {
    for (const step of steps)
      for (const annotation of step.annotations)
        if (annotation.level === 'error')
          story.event(
            'bad',
            `${job} / ${step.name}: ${annotation.message.split('\n').slice(0, 6).join('\n            ')}`,
          );
  }
}

function timings(result: WorkflowResult, visits: VisitLog, startedMs: number): Record<string, number> {
  const steps = Object.entries(result.jobs).flatMap(([job, {steps: all}]) =>
    all
      .filter((step) => step.id && step.outcome !== 'skipped')
      .map((step) => [`${job}.${step.id}`, Math.round(step.ms)] as const),
  );
  const restore = result.jobs['ship']?.steps.find((step) => step.id === 'rollback')?.outputs['restore-ms'];
  const outage = result.jobs['ship']?.steps.find((step) => step.id === 'rollback')?.outputs['outage-ms'];
  return {
    ...Object.fromEntries(steps),
    ...(outage && {outage: Number(outage)}),
    ...(restore && {restore: Number(restore)}),
    ...(visits.firstBadMs !== undefined &&
      visits.lastBadMs !== undefined && {bad_answers: visits.lastBadMs - visits.firstBadMs}),
    total: Date.now() - startedMs,
  };
}
