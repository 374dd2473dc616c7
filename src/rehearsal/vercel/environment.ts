import {type Call, jsonBody, jsonValue, ok, projectOf, type Reply} from './call.js';
import type {EnvVar} from './options.js';
import type {Project, StoredEnv} from './records.js';
import {badRequest, notFound} from './refusal.js';
import {newId} from './world.js';

type EnvTarget = 'production' | 'preview' | 'development';

/** GET /v10/projects/{p}/env, in whichever of the documented shapes the stand-in was told to answer. */
export function listEnv(call: Call): Reply {
  const project = projectOf(call);
  const target = call.query.get('target') as EnvTarget | null;
  const branch = call.query.get('gitBranch');
  const decrypt = call.query.get('decrypt') === 'true';
  const envs = project.env
    .filter(
      (one) => (!target || targetsOf(one).includes(target)) && (!one.gitBranch || !branch || one.gitBranch === branch),
    )
    .map((one) => envView(one, decrypt));
  const shape = call.world.quirks.envShape;
  if (shape === 'single' && envs.length === 1) return ok(envs[0]);
  if (shape === 'pagination') return ok({envs, pagination: {count: envs.length, next: null, prev: null}});
  return ok({envs, hiddenProductionEnvCount: project.options.hiddenProductionEnvCount ?? 0});
}

const targetsOf = (one: EnvVar): readonly EnvTarget[] => one.target ?? ['production', 'preview'];

/** What a production build gets. */
export function productionValues({env}: Project): Record<string, string> {
  const own = env.filter((one) => targetsOf(one).includes('production') && !one.gitBranch);
  return Object.fromEntries(own.map(({key, value}) => [key, value ?? '']));
}

/** Values of `sensitive` are never told; encrypted ones only to `decrypt=true`. */
function envView(one: StoredEnv, decrypt: boolean): Record<string, unknown> {
  const type = one.type ?? 'encrypted';
  const readable = type === 'plain' || type === 'system' || (decrypt && type !== 'sensitive');
  return {
    id: one.id,
    key: one.key,
    type,
    target: [...targetsOf(one)],
    ...(one.gitBranch ? {gitBranch: one.gitBranch} : {}),
    value: readable ? (one.value ?? '') : type === 'sensitive' ? '' : `eyJ2IjoidjIi${one.id}`,
    decrypted: readable && type !== 'plain',
    configurationId: null,
    customEnvironmentIds: [],
    createdAt: one.createdAt,
    updatedAt: one.updatedAt,
    createdBy: null,
    updatedBy: null,
    system: type === 'system',
    securityIssues: [],
  };
}

/** POST /v10/projects/{p}/env: 201 even when some of several were refused. */
export function createEnv(call: Call): Reply {
  const project = projectOf(call);
  const value = jsonValue(call);
  const wishes = (Array.isArray(value) ? value : [value]) as Array<Partial<EnvVar>>;
  const upsert = call.query.get('upsert') === 'true';
  const results = wishes.map((wish) => addEnv(call, project, wish, upsert));
  const created = results.flatMap((one) => (one.stored ? [envView(one.stored, true)] : []));
  return {
    status: 201,
    body: {
      created: Array.isArray(value) ? created : (created[0] ?? []),
      failed: results.flatMap((one) => (one.failed ? [one.failed] : [])),
    },
  };
}

function addEnv(
  call: Call,
  project: Project,
  wish: Partial<EnvVar>,
  upsert: boolean,
): {stored?: StoredEnv; failed?: unknown} {
  if (!wish.key || wish.value === undefined || !wish.type)
    throw badRequest(`missing required property \`${!wish.key ? 'key' : wish.type ? 'value' : 'type'}\`.`);
  if (call.world.script.refuseEnv.has(wish.key))
    return {
      failed: {
        error: {code: 'ENV_REFUSED', message: 'The variable was refused (stand-in)', key: wish.key, action: 'retry'},
      },
    };
  const wish_ = {...wish, target: typeof wish.target === 'string' ? [wish.target as EnvTarget] : wish.target} as EnvVar;
  const found = project.env.find((one) => one.key === wish.key && overlap(one, wish_));
  if (found && !upsert)
    return {
      failed: {
        error: {
          code: 'ENV_CONFLICT',
          message: `Another Environment Variable with the Name and Environment selected already exists`,
          key: wish.key,
          envVarKey: wish.key,
        },
      },
    };
  if (found) project.env.splice(project.env.indexOf(found), 1);
  const moment = call.world.agenda.now();
  const stored: StoredEnv = {
    ...wish_,
    id: found?.id ?? newId('', 16),
    createdAt: found?.createdAt ?? moment,
    updatedAt: moment,
  };
  project.env.push(stored);
  return {stored};
}

function overlap(a: EnvVar, b: EnvVar): boolean {
  return (
    (a.gitBranch ?? null) === (b.gitBranch ?? null) && targetsOf(a).some((target) => targetsOf(b).includes(target))
  );
}

/** PATCH /v9/projects/{p}/env/{id}. */
export function changeEnv(call: Call): Reply {
  const project = projectOf(call);
  const index = indexOf(call, project);
  project.env[index] = {
    ...project.env[index]!,
    ...(jsonBody(call) as Partial<EnvVar>),
    updatedAt: call.world.agenda.now(),
  };
  return ok(envView(project.env[index], true));
}

/** DELETE /v9/projects/{p}/env/{id}. */
export function deleteEnv(call: Call): Reply {
  const project = projectOf(call);
  const [removed] = project.env.splice(indexOf(call, project), 1);
  return ok(envView(removed!, false));
}

/** DELETE /v1/projects/{p}/env with `{ids}`. */
export function deleteEnvs(call: Call): Reply {
  const project = projectOf(call);
  const ids = (jsonBody(call).ids ?? []) as string[];
  const gone = project.env.filter((one) => ids.includes(one.id));
  for (const one of gone) project.env.splice(project.env.indexOf(one), 1);
  return ok({deleted: gone.length, ids: gone.map((one) => one.id)});
}

/** GET /v1/env: variables shared by the team; there are none. */
export function listSharedEnv(): Reply {
  return ok({data: [], pagination: {count: 0, next: null, prev: null}});
}

/** GET /v3/env/pull/{project}/{target}: what a local build gets; values that are never told come empty. */
export function pullEnv(call: Call): Reply {
  const project = projectOf(call);
  const target = call.params.target as EnvTarget;
  const told = project.env.filter((one) => targetsOf(one).includes(target)).map((one) => envView(one, true));
  return ok({env: Object.fromEntries(told.map((one) => [one.key, one.value])), buildEnv: {}});
}

function indexOf(call: Call, project: Project): number {
  const index = project.env.findIndex((one) => one.id === call.params.env);
  if (index < 0) throw notFound('Environment variable');
  return index;
}
