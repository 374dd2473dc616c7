import type {Disturbance} from './act-continuation.js';
import type {ActLog} from './act-log.js';
import {actionSource} from './action-source.js';
import type {JobResult, StepResult, WorkflowRequest} from './contract.js';
import type {JobDefinition} from './definition.js';
import {child, resolveTexts} from './template.js';
import {workflowLibrary} from './workflow-library.js';

/** Jobs that had ended, or were ended by the disturbance. The rest is still to run. */
export async function endsAfter(
  request: WorkflowRequest,
  log: ActLog,
  disturbance: Disturbance,
): Promise<Map<string, JobResult>> {
  const library = workflowLibrary(actionSource(request.resolveAction ?? {}));
  // Problems are the first call's to report: it would not have come this far.
  const workflow = await library.read(request.file, request.suiteRoot, []);
  const ends = new Map<string, JobResult>();
  for (const job of workflow?.jobs ?? []) {
    const seen = log.jobs.get(job.id);
    const met = disturbance.jobs.has(job.id);
    if (!seen || (!met && seen.steps.length === 0 && seen.result !== 'skipped')) continue;
    const result = !met
      ? (seen.result ?? 'cancelled')
      : disturbance.kind === 'lost-runner'
        ? 'failure'
        : seen.result === 'success'
          ? 'success'
          : 'cancelled';
    const lost = met && disturbance.kind === 'lost-runner';
    const outputs = lost ? {} : outputsOf(job, seen.steps, request, ends);
    ends.set(job.id, {result, outputs, steps: seen.steps, summary: seen.summaries.join('\n')});
  }
  return ends;
}

/** Empty outputs are absent, as the embedded engine has them. */
function outputsOf(
  job: JobDefinition,
  steps: readonly StepResult[],
  request: WorkflowRequest,
  ends: ReadonlyMap<string, JobResult>,
): Record<string, string> {
  const contexts = {
    steps: Object.fromEntries(steps.filter((step) => step.id).map((step) => [step.id, step])),
    needs: Object.fromEntries(job.needs.map((id) => [id, ends.get(id) ?? {}])),
    inputs: request.event.inputs ?? {},
    vars: request.vars,
    github: {},
    env: {},
  };
  const all = resolveTexts(child(job.body, 'outputs'), {contexts, functions: {}});
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}
