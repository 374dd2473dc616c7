import {join} from 'node:path';
import {Failure, type Problem} from '../../kernel/errors.js';
import {type ActionDefinition, readAction} from './definition.js';

/** What a `uses:` names. */
export type Reference =
  /** `./path`: in the workspace, at the moment the step runs. */
  | {readonly kind: 'workspace'; readonly path: string}
  /** `$/path`: in the repository and at the commit of the file that says so. */
  | {readonly kind: 'own'; readonly path: string}
  | {readonly kind: 'repository'; readonly repository: string; readonly path: string; readonly ref: string}
  | {readonly kind: 'unknown'};

export function parseUses(uses: string): Reference {
  if (uses.startsWith('./')) return {kind: 'workspace', path: uses.slice(2)};
  if (uses.startsWith('$/')) return {kind: 'own', path: uses.slice(2)};
  const match = /^([\w.-]+\/[\w.-]+)((?:\/[^@/]+)*)@(\S+)$/.exec(uses);
  if (!match) return {kind: 'unknown'};
  return {kind: 'repository', repository: match[1]!, path: match[2]!.replace(/^\//, ''), ref: match[3]!};
}

export interface ActionSource {
  /**
   * Finds the action that a step names; 'checkout' for the built-in one.
   * @throws Failure ACTION_NOT_FOUND, whose message is the step's error.
   */
  find(uses: string, from: {readonly root: string; readonly workspace: string}): Promise<ActionDefinition | 'checkout'>;
  /** Folder that stands for a repository at a ref, when the table has one. */
  folderOf(repository: string, ref: string): string | undefined;
}

export function actionSource(table: Readonly<Record<string, string>>): ActionSource {
  const known = new Map<string, Promise<ActionDefinition>>();
  const folderOf = (repository: string, ref: string) => table[`${repository}@${ref}`] ?? table[repository];
  const cached = (folder: string, from: {root: string; repository: string; ref: string}) => {
    const definition = known.get(folder) ?? readOrThrow(folder, from);
    known.set(folder, definition);
    return definition;
  };
  return {
    folderOf,
    async find(uses, {root, workspace}) {
      const reference = parseUses(uses);
      if (reference.kind === 'workspace')
        return readOrThrow(join(workspace, reference.path), {root: workspace, repository: '', ref: ''});
      if (reference.kind === 'own') return cached(join(root, reference.path), {root, repository: '', ref: ''});
      if (reference.kind === 'unknown') throw notFound(`'${uses}' does not name an action`);
      const {repository, path, ref} = reference;
      const folder = folderOf(repository, ref);
      if (folder) return cached(join(folder, path), {root: folder, repository, ref});
      if (repository === 'actions/checkout' && path === '') return 'checkout';
      throw notFound(`'${uses}' is not on this machine`);
    },
  };
}

async function readOrThrow(
  folder: string,
  from: {root: string; repository: string; ref: string},
): Promise<ActionDefinition> {
  const problems: Problem[] = [];
  const definition = await readAction(folder, from, problems);
  if (definition) return definition;
  const missing = problems.some((problem) => problem.what === 'holds no action.yml');
  if (missing)
    throw notFound(
      `Can't find 'action.yml' or 'action.yaml' under '${folder}'. Did you forget to run actions/checkout before running your local action?`,
    );
  throw notFound(problems.map((problem) => `${problem.where}: ${problem.what}`).join('\n'));
}

function notFound(message: string): Failure {
  return new Failure('ACTION_NOT_FOUND', message, {
    remedy: 'Check the repository out first, or give its folder in `resolveAction`.',
  });
}
