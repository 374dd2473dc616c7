import {join} from 'node:path';
import type {Problem} from '../../kernel/errors.js';
import {type ActionSource, parseUses} from './action-source.js';
import {readWorkflow, type WorkflowDefinition} from './definition.js';

/** Workflows of a run by file, each read once: the one that runs and all that it calls. */
export interface WorkflowLibrary {
  readonly actions: ActionSource;
  read(file: string, root: string, problems: Problem[]): Promise<WorkflowDefinition | undefined>;
  /** Where a called workflow is; undefined when this machine does not have it. */
  locate(uses: string, root: string): {readonly file: string; readonly root: string} | undefined;
  /** A workflow that was read before. */
  get(file: string): WorkflowDefinition;
}

export function workflowLibrary(actions: ActionSource): WorkflowLibrary {
  const known = new Map<string, WorkflowDefinition>();
  return {
    actions,
    async read(file, root, problems) {
      const workflow = known.get(file) ?? (await readWorkflow(file, root, problems));
      if (workflow) known.set(file, workflow);
      return workflow;
    },
    locate(uses, root) {
      const reference = parseUses(uses);
      if (reference.kind === 'workspace' || reference.kind === 'own') return {file: join(root, reference.path), root};
      if (reference.kind === 'unknown') return undefined;
      const folder = actions.folderOf(reference.repository, reference.ref);
      return folder === undefined ? undefined : {file: join(folder, reference.path), root: folder};
    },
    get(file) {
      const workflow = known.get(file);
      if (!workflow) throw new Error(`workflow ${file} was not checked before the run`);
      return workflow;
    },
  };
}
