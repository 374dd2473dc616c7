import type {DeploymentRecord, ServiceRecord, Source, VariableRecord} from './records.js';
import {volumeOf, type World} from './world.js';

/** Rendering of variables: references to other services, to shared ones and to the service's own. */

type Values = Record<string, string>;

/** The values a service's custom variables have once every reference is filled in; an unknown one renders empty. */
export function renderVariables(
  world: World,
  service: ServiceRecord,
  own: Readonly<Record<string, VariableRecord>> = service.variables,
): Values {
  const all = {...provided(world, service), ...plain(own)};
  return Object.fromEntries(Object.keys(own).map((name) => [name, render(world, service, all, all[name] ?? '', 0)]));
}

/** What the next deployment of a service gets, the platform's own variables included. */
export function deploymentVariables(world: World, service: ServiceRecord): Values {
  return {...provided(world, service), ...renderVariables(world, service)};
}

/** The environment of a deployment's processes. */
export function processVariables(world: World, service: ServiceRecord, deployment: DeploymentRecord): Values {
  return {
    ...renderVariables(world, service, deployment.variables),
    ...provided(world, service),
    ...gitVariables(world, deployment),
    RAILWAY_DEPLOYMENT_ID: deployment.id,
    RAILWAY_SNAPSHOT_ID: deployment.snapshotId,
  };
}

export function plain(variables: Readonly<Record<string, VariableRecord>>): Values {
  return Object.fromEntries(Object.entries(variables).map(([name, {value}]) => [name, value]));
}

/** Names that a value refers to, as `Service.NAME`, `shared.NAME` or `NAME`. */
export function referencesIn(value: string): string[] {
  return [...value.matchAll(reference)].map((match) => match[1]!.trim());
}

const reference = /\$\{\{\s*([^}]+?)\s*\}\}/g;

function render(world: World, service: ServiceRecord, own: Values, value: string, depth: number): string {
  // A reference that leads back to itself renders empty, like any other that cannot be resolved.
  if (depth > 8) return '';
  return value.replace(reference, (_whole, name: string) => resolve(world, service, own, name.trim(), depth + 1));
}

function resolve(world: World, service: ServiceRecord, own: Values, name: string, depth: number): string {
  const [scope, key] = name.includes('.')
    ? [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)]
    : [undefined, name];
  if (scope === undefined) return render(world, service, own, own[key] ?? '', depth);
  if (scope === 'shared') return render(world, service, own, world.sharedVariables[key]?.value ?? '', depth);
  const other = world.services.find((candidate) => candidate.name === scope);
  if (!other) return '';
  const theirs = {...provided(world, other), ...plain(other.variables)};
  return render(world, other, theirs, theirs[key] ?? '', depth);
}

function provided(world: World, service: ServiceRecord): Values {
  const host = world.hostOf(service.id);
  const volume = volumeOf(world, service);
  const proxy = service.tcpProxy?.syncStatus === 'ACTIVE' ? service.tcpProxy : undefined;
  return {
    RAILWAY_PROJECT_ID: world.project.projectId,
    RAILWAY_ENVIRONMENT_ID: world.project.environmentId,
    RAILWAY_ENVIRONMENT_NAME: 'production',
    RAILWAY_SERVICE_ID: service.id,
    RAILWAY_SERVICE_NAME: service.name,
    RAILWAY_PRIVATE_DOMAIN: `${service.name.toLowerCase()}.railway.internal`,
    ...(volume ? {RAILWAY_VOLUME_NAME: volume.volumeId, RAILWAY_VOLUME_MOUNT_PATH: volume.mountPath} : {}),
    ...(host ? {RAILWAY_PUBLIC_DOMAIN: host} : {}),
    ...(proxy ? {RAILWAY_TCP_PROXY_DOMAIN: proxy.domain, RAILWAY_TCP_PROXY_PORT: String(proxy.proxyPort)} : {}),
  };
}

function gitVariables(world: World, deployment: DeploymentRecord): Values {
  const source: Source = deployment.source;
  if (source.kind !== 'commit') return {};
  if (deployment.cause !== 'push' && !world.answers.gitVariablesForApiDeploys) return {};
  const [owner = '', name = ''] = source.repo.split('/');
  return {
    RAILWAY_GIT_COMMIT_SHA: source.commit,
    RAILWAY_GIT_BRANCH: source.branch,
    RAILWAY_GIT_COMMIT_MESSAGE: source.message,
    RAILWAY_GIT_REPO_OWNER: owner,
    RAILWAY_GIT_REPO_NAME: name,
  };
}
