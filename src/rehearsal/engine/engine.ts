import type {Problem} from '../../kernel/errors.js';
import type {WorkflowRequest, WorkflowRun} from './contract.js';
import {registerJsonHook} from './json-hook.js';

export {type ConcurrencyGroups, createConcurrencyGroups} from './concurrency.js';
export type * from './contract.js';

/**
 * Executes one workflow file as GitHub would: the service's part (job graph, conditions, concurrency, environments,
 * permissions) and the runner's part (steps, actions, file commands, masking, cancellation). What it does not support
 * is refused by name before anything runs. The rules it follows stand in the tests named after them
 * (test/workflow/engine-*.test.ts).
 */

export function startWorkflow(request: WorkflowRequest): WorkflowRun {
  const started = loadRun().then(({openRun}) => openRun(request));
  const whenStarted = (act: (run: Awaited<typeof started>) => void) => void started.then(act, () => undefined);
  return {
    cancel: () => whenStarted((run) => run.cancel('cancelled by hand')),
    killRunner: (job) => whenStarted((run) => run.killRunner(job)),
    signalStep: (job, signal) => whenStarted((run) => run.signalStep(job, signal)),
    done: started.then((run) => run.done),
  };
}

/**
 * What the engine would refuse in a workflow file, its actions and the workflows it calls, whatever the event; empty
 * when it runs them all.
 */
export async function refusalsOf(
  file: string,
  suiteRoot: string,
  resolveAction: WorkflowRequest['resolveAction'] = {},
): Promise<readonly Problem[]> {
  return (await loadRun()).findProblems(file, suiteRoot, resolveAction);
}

// The parser is heavy and needs a hook before its first import: nothing of it is loaded until a workflow is run.
async function loadRun() {
  registerJsonHook();
  return import('./run.js');
}
