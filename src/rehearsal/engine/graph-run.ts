import {messageOf} from '../../kernel/errors.js';
import type {Conclusion} from './contract.js';
import {type JobDefinition, place} from './definition.js';
import {holds} from './expressions.js';
import {combined, type Graph, type JobEnd, jobScope, logJob, noteEnd, notRun} from './graph.js';
import {runLeg} from './leg.js';
import {expandMatrix, legName} from './matrix.js';
import {createSlots} from './slots.js';
import {child, resolve} from './template.js';

/** Runs every job when all it needs has ended. Never rejects. */
export async function runGraph(graph: Graph): Promise<void> {
  const started = new Map<string, Promise<void>>();
  const byId = new Map(graph.workflow.jobs.map((job) => [job.id, job]));
  const start = (id: string): Promise<void> => {
    const running = started.get(id) ?? afterNeeds(byId.get(id)!);
    started.set(id, running);
    return running;
  };
  const afterNeeds = async (job: JobDefinition) => {
    await Promise.all(job.needs.map(start));
    graph.ends.set(job.id, await runJob(graph, job));
  };
  await Promise.all(graph.workflow.jobs.map((job) => start(job.id)));
}

async function runJob(graph: Graph, job: JobDefinition): Promise<JobEnd> {
  const key = graph.prefix + job.id;
  const startedMs = Date.now();
  try {
    if (!holds(job.condition, jobScope(graph, job))) return endWithout(graph, key, 'skipped', startedMs);
    const matrix = child(child(job.body, 'strategy'), 'matrix');
    if (!matrix)
      return await runLeg(graph, job, {
        key,
        leg: {},
        strategy: strategyContext(0, 1, true, 1),
        failed: new AbortController(),
        places: createSlots(1),
      });
    return await runMatrix(graph, job, key, startedMs);
  } catch (error) {
    logJob(graph, key, `##[error]${place(graph.workflow.path, job.body)}: ${messageOf(error)}`);
    return endWithout(graph, key, 'failure', startedMs);
  }
}

async function runMatrix(graph: Graph, job: JobDefinition, key: string, startedMs: number): Promise<JobEnd> {
  const strategy = child(job.body, 'strategy')!;
  const {
    matrix,
    'fail-fast': failFast = true,
    'max-parallel': most,
  } = resolve(strategy, jobScope(graph, job)) as {matrix: unknown; 'fail-fast'?: boolean; 'max-parallel'?: number};
  const legs = expandMatrix(matrix);
  if (legs.length > 256) throw new Error('a matrix has at most 256 jobs');
  const failed = new AbortController();
  const places = createSlots(most ?? legs.length);
  const ends = await Promise.all(
    legs.map(async (leg, index) => {
      const end = await runLeg(graph, job, {
        key: legName(key, leg),
        leg,
        strategy: strategyContext(index, legs.length, failFast, most ?? legs.length),
        failed,
        places,
      });
      if (failFast && end.result === 'failure') failed.abort();
      return end;
    }),
  );
  const outputs = Object.assign({}, ...ends.map((end) => end.outputs)) as Record<string, string>;
  const result = combined(ends.map((end) => end.result));
  noteEnd(graph, key, {result, outputs, steps: [], summary: ''}, startedMs);
  return {result, outputs};
}

function endWithout(graph: Graph, key: string, result: Conclusion, startedMs: number): JobEnd {
  noteEnd(graph, key, {...notRun(result), steps: [], summary: ''}, startedMs);
  return notRun(result);
}

function strategyContext(index: number, total: number, failFast: boolean, most: number): object {
  return {'fail-fast': failFast, 'job-index': index, 'job-total': total, 'max-parallel': most};
}
