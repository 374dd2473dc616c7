import {messageOf} from '../../kernel/errors.js';
import {callWorkflow} from './call.js';
import type {JobResult} from './contract.js';
import type {JobDefinition} from './definition.js';
import {openDeploymentRecord} from './deployment-record.js';
import {holds} from './expressions.js';
import {
  concurrencyOf,
  type Environment,
  ended,
  type Graph,
  type JobEnd,
  jobScope,
  type LegPlan,
  legContexts,
  logJob,
  noteEnd,
  sharedContexts,
} from './graph.js';
import {runSteps} from './job.js';
import {prepareJob} from './job-preparation.js';
import {child, resolve, resolveText} from './template.js';

/** Lets one job in (group, environment, place), runs it, and notes its end. Never rejects. */
export async function runLeg(graph: Graph, job: JobDefinition, plan: LegPlan): Promise<JobEnd> {
  const startedMs = Date.now();
  const releases: (() => void)[] = [];
  let result: JobResult;
  try {
    result = await admitAndRun(graph, job, plan, releases);
  } catch (error) {
    logJob(graph, plan.key, `##[error]${messageOf(error)}`);
    result = ended('failure');
  } finally {
    for (const release of releases.reverse()) release();
  }
  noteEnd(graph, plan.key, result, startedMs);
  const tolerated = result.result === 'failure' && toleratesFailure(graph, job, plan);
  return {result: tolerated ? 'success' : result.result, outputs: result.outputs};
}

async function admitAndRun(
  graph: Graph,
  job: JobDefinition,
  plan: LegPlan,
  releases: (() => void)[],
): Promise<JobResult> {
  const {run} = graph;
  const scope = {contexts: legContexts(graph, job, plan), functions: {}};
  const wanted = () =>
    !plan.failed.signal.aborted && (!run.cancelled.signal.aborted || holds(job.condition, jobScope(graph, job)));
  const wait = <T>(ready: Promise<T>) => unlessUnwanted(ready, [run.cancelled.signal, plan.failed.signal], wanted);
  const group = enterGroup(graph, job, plan, scope);
  if (group) {
    releases.push(group.leave);
    if ((await wait(group.turn)) !== 'entered') return ended('cancelled');
  }
  const environment = environmentOf(job, scope);
  if (environment && isProtected(graph, environment.name)) {
    run.journal.tell({type: 'job-waiting', job: plan.key, for: 'environment', name: environment.name});
    const answer = await wait(run.request.approve!(environment.name, plan.key));
    if (answer === 'unwanted') return ended('cancelled');
    if (!answer) {
      logJob(graph, plan.key, `##[error]The deployment to ${environment.name} was rejected`);
      return ended('failure');
    }
  }
  for (const slots of job.uses ? [plan.places] : [plan.places, run.slots]) {
    const slot = slots.take();
    releases.push(slot.release);
    if ((await wait(slot.turn)) === 'unwanted') return ended('cancelled');
  }
  if (!wanted()) return ended('cancelled');
  return job.uses ? callWorkflow(graph, job, plan) : execute(graph, job, plan, environment, wanted, group?.bind);
}

async function execute(
  graph: Graph,
  job: JobDefinition,
  plan: LegPlan,
  environment: Environment | undefined,
  wanted: () => boolean,
  bind: ((cancel: () => void) => void) | undefined,
): Promise<JobResult> {
  const {run} = graph;
  const state = await prepareJob(graph, job, plan, environment);
  const reconsider = () => {
    if (!wanted()) state.cancelled.abort();
  };
  bind?.(() => state.cancelled.abort());
  const signals = [run.cancelled.signal, plan.failed.signal];
  for (const signal of signals) signal.addEventListener('abort', reconsider, {once: true});
  run.active.set(plan.key, state);
  try {
    run.journal.tell({
      type: 'job-started',
      job: plan.key,
      name: nameOf(graph, job, plan),
      permissions: state.permissions,
    });
    const record =
      environment?.recorded && run.request.deploymentRecords !== false
        ? await openRecord(graph, plan, environment)
        : undefined;
    reconsiderIf(run.cancelled.signal.aborted || plan.failed.signal.aborted, reconsider);
    const {result, url} = await runSteps(state, job, graph.workflow.root, environment?.url);
    await record?.finish(
      result.result === 'success' ? 'success' : result.result === 'failure' ? 'failure' : 'inactive',
      url,
    );
    return result;
  } finally {
    run.active.delete(plan.key);
    for (const signal of signals) signal.removeEventListener('abort', reconsider);
  }
}

function reconsiderIf(now: boolean, reconsider: () => void): void {
  if (now) reconsider();
}

/** The value, or 'unwanted' as soon as a signal has made the job unwanted. */
async function unlessUnwanted<T>(
  ready: Promise<T>,
  signals: readonly AbortSignal[],
  wanted: () => boolean,
): Promise<T | 'unwanted'> {
  let check = () => {};
  const unwanted = new Promise<'unwanted'>((settle) => {
    check = () => {
      if (!wanted()) settle('unwanted');
    };
  });
  for (const signal of signals) signal.addEventListener('abort', check);
  if (signals.some((signal) => signal.aborted)) check();
  try {
    return await Promise.race([ready, unwanted]);
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', check);
  }
}

function enterGroup(
  graph: Graph,
  job: JobDefinition,
  plan: LegPlan,
  scope: {contexts: Record<string, unknown>; functions: object},
) {
  const template = child(job.body, 'concurrency');
  if (!template) return undefined;
  const {run} = graph;
  const settings = concurrencyOf(resolve(template, {...scope, functions: {}}));
  run.journal.tell({type: 'job-waiting', job: plan.key, for: 'concurrency', name: settings.group});
  let cancel = () => {};
  const entry = run.groups.enter(settings.group, {...settings, onCancel: () => cancel()});
  const bind = (act: () => void) => {
    cancel = act;
  };
  return {turn: entry.turn, leave: () => entry.leave(), bind};
}

function environmentOf(
  job: JobDefinition,
  scope: {contexts: Record<string, unknown>; functions: object},
): Environment | undefined {
  const template = child(job.body, 'environment');
  if (!template) return undefined;
  const evaluated = {...scope, functions: {}};
  const name = resolveText(child(template, 'name') ?? template, evaluated);
  const recorded = child(template, 'deployment');
  // The url is evaluated when the steps have run.
  return name
    ? {name, recorded: !recorded || resolve(recorded, evaluated) !== false, url: child(template, 'url')}
    : undefined;
}

function isProtected(graph: Graph, environment: string): boolean {
  const {approve, environments} = graph.run.request;
  return approve !== undefined && environments?.[environment]?.protected !== false;
}

function openRecord(graph: Graph, plan: LegPlan, environment: Environment) {
  const {request, github} = graph.run;
  return openDeploymentRecord({
    apiUrl: request.apiUrl,
    token: request.token,
    repository: String(github.repository),
    ref: request.repository.sha,
    environment: environment.name,
    logUrl: `${String(github.server_url)}/${String(github.repository)}/actions/runs/${String(github.run_id)}`,
    onProblem: (message) => logJob(graph, plan.key, `##[warning]${message}`),
  });
}

function nameOf(graph: Graph, job: JobDefinition, plan: LegPlan): string {
  const template = child(job.body, 'name');
  try {
    return template ? resolveText(template, {contexts: legContexts(graph, job, plan), functions: {}}) : plan.key;
  } catch {
    return plan.key;
  }
}

function toleratesFailure(graph: Graph, job: JobDefinition, plan: LegPlan): boolean {
  const template = child(job.body, 'continue-on-error');
  if (!template) return false;
  return (
    resolve(template, {contexts: {...sharedContexts(graph), ...legContexts(graph, job, plan)}, functions: {}}) === true
  );
}
