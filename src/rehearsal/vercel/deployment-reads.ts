import {type Call, deploymentOf, ok, page, type Reply} from './call.js';
import {deploymentView, listedView} from './deployment-views.js';
import {cancel, inProgress} from './lifecycle.js';
import type {Deployment} from './records.js';
import {notFound, refused} from './refusal.js';
import {isRollbackCandidate} from './traffic.js';

/** GET /v6 and /v7 deployments. */
export function listDeployments(call: Call): Reply {
  const within = call.inTeam ? [...call.world.deployments.values()] : [];
  const wanted = within.filter((one) => one.deletedAt === undefined && allowed(call, one) && matches(call, one));
  const {items, pagination} = page(call, wanted, (one) => one.createdAt);
  return ok({deployments: items.map((one) => listedView(call.world, one)), pagination});
}

function allowed(call: Call, one: Deployment): boolean {
  return !call.onlyProject || call.onlyProject === one.projectId;
}

type Filter = (value: string, one: Deployment, call: Call) => boolean;

const filters: Readonly<Record<string, Filter>> = {
  projectId: (value, one, call) => call.world.projectBy(value)?.id === one.projectId,
  projectIds: (value, one, call) => value.split(',').some((id) => call.world.projectBy(id)?.id === one.projectId),
  app: (value, one) => value === one.name,
  target: (value, one) => (value === 'preview' ? one.target === null : value === one.target),
  state: (value, one) => value.split(',').includes(one.readyState),
  from: (value, one) => one.createdAt > Number(value),
  to: (value, one) => one.createdAt < Number(value),
  users: (value, _one, call) => value.split(',').includes(call.world.user.id),
  branch: (value, one) => one.git.commitRef === value,
  sha: (value, one) => one.git.commitSha === value,
  rollbackCandidate: (value, one, call) => (value === 'true') === isRollbackCandidate(call.world.projectOf(one), one),
};

function matches(call: Call, one: Deployment): boolean {
  return [...call.query].every(([key, value]) => {
    if (key.startsWith('meta-')) return one.meta[key.slice(5)] === value;
    return value === '' || (filters[key]?.(value, one, call) ?? true);
  });
}

/** GET /v13/deployments/{id, own host or alias}, and the old form with `?url=`. */
export function readDeployment(call: Call): Reply {
  const asked = call.params.deployment ?? call.query.get('url') ?? '';
  return ok(deploymentView(call.world, deploymentOf(call, asked)));
}

/** PATCH /v12/deployments/{id}/cancel. */
export function cancelDeployment(call: Call): Reply {
  const deployment = deploymentOf(call);
  if (!inProgress.has(deployment.readyState)) {
    throw refused(
      400,
      'deployment_not_cancelable',
      `The deployment is ${deployment.readyState} and cannot be canceled. (stand-in)`,
    );
  }
  cancel(call.world, deployment);
  return ok(deploymentView(call.world, deployment));
}

/** DELETE /v13/deployments/{id} or `?url=`. */
export function deleteDeployment(call: Call): Reply {
  const deployment = deploymentOf(call, call.params.deployment ?? call.query.get('url') ?? '');
  if (inProgress.has(deployment.readyState)) cancel(call.world, deployment);
  deployment.deletedAt = call.world.agenda.now();
  for (const alias of call.world.aliasesOf(deployment.id)) call.world.aliases.delete(alias.host);
  const project = call.world.projectOf(deployment);
  if (project.liveId === deployment.id) delete project.liveId;
  return ok({uid: deployment.id, state: 'DELETED'});
}

interface Node {
  readonly name: string;
  readonly type: 'directory' | 'file';
  readonly mode: number;
  readonly uid?: string;
  readonly contentType?: string;
  readonly children?: Node[];
}

/** GET /v6/deployments/{id}/files: the uploaded files as a tree. */
export function listFiles(call: Call): Reply {
  const root: Node = {name: 'src', type: 'directory', mode: 0o40755, children: []};
  for (const one of deploymentOf(call).files) hang(root, one.file.split('/'), one);
  return ok([root]);
}

function hang(folder: Node, path: readonly string[], one: Deployment['files'][number]): void {
  const [name, ...rest] = path;
  if (name === undefined) return;
  if (rest.length === 0)
    return void folder.children!.push({name, type: 'file', mode: one.mode, ...(one.sha ? {uid: one.sha} : {})});
  const found = folder.children!.find((child) => child.name === name && child.type === 'directory');
  const next: Node = found ?? {name, type: 'directory', mode: 0o40755, children: []};
  if (!found) folder.children!.push(next);
  hang(next, rest, one);
}

/** GET /v11/deployments/{id}/builds. */
export function listBuilds(call: Call): Reply {
  const one = deploymentOf(call);
  const build = {
    id: `bld_${one.id.slice(4, 13)}`,
    deploymentId: one.id,
    entrypoint: '.',
    readyState: one.readyState,
    readyStateAt: one.ready ?? one.createdAt,
    createdAt: one.createdAt,
    scheduledAt: one.createdAt,
    createdIn: 'iad1',
    use: '@vercel/static',
    output: [],
  };
  return ok({builds: [build]});
}

/** GET /v2/deployments/{id}/check-runs: the project's checks as they stand for this deployment. */
export function listCheckRuns(call: Call): Reply {
  const one = deploymentOf(call);
  const demanded = call.world.projectOf(one).options.checks ?? [];
  const done = one.checksState === 'completed';
  const runs = demanded.map((check, index) => ({
    id: `run_${index}_${one.id.slice(4)}`,
    checkId: `chk_${index}`,
    deploymentId: one.id,
    name: check.name,
    status: done ? 'completed' : 'running',
    conclusion: done ? one.checksConclusion : undefined,
    blocks: check.blocks,
    requires: 'deployment-url',
    source: {kind: 'webhook'},
    createdAt: one.createdAt,
    updatedAt: one.ready ?? one.createdAt,
  }));
  return ok({runs});
}

/** GET /v1/deployments/{id}/checks: none, as integrations alone make them. */
export function listChecks(call: Call): Reply {
  deploymentOf(call);
  return ok({checks: []});
}

/** GET /v6/deployments/{id}/files/{sha}. */
export function readFile(call: Call): Reply {
  const one = deploymentOf(call);
  const content = one.files.some((file) => file.sha === call.params.file)
    ? call.world.uploads.get(call.params.file ?? '')
    : undefined;
  if (!content) throw notFound('File');
  return ok({data: content.toString('base64')});
}
