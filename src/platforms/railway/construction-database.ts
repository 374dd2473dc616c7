import {Failure} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';
import {claimService} from './construction-claim.js';
import {setSettings} from './construction-settings.js';
import {build, readPlainVariables, type Site, scopeAt} from './construction-site.js';
import {setVariables} from './construction-variables.js';
import {diagnose} from './diagnosis.js';
import {
  createProxyDocument,
  createVolumeDocument,
  deployDocument,
  deploymentsDocument,
  proxiesDocument,
  type RawProxy,
  volumesDocument,
} from './documents.js';
import {factsList} from './facts.js';
import {type End, follow} from './follow.js';
import {badEnd} from './outcome.js';
import {lookUntil} from './polling.js';
import {imageOf, type Login, loginOf, mountPath, port, templateVariables} from './postgres-template.js';
import {notServing, readState, type ServiceState, servingOf} from './service-state.js';
import {ownerVariable} from './variables.js';
import {pending, verifyServing} from './verify.js';

export interface WantedDatabase {
  readonly name: string;
  /** Major version of the server, 13 or later. */
  readonly major: number;
  /** The recovery it is made for. */
  readonly owner: string;
}

export interface BuiltDatabase {
  readonly serviceId: string;
  /** `postgresql://` at its public address, with the password: a secret. */
  readonly url: string;
  /** False when an earlier run had made it. */
  readonly made: boolean;
}

interface Built {
  readonly name: string;
  readonly serviceId: string;
}

/** The service as Railway's own template sets it up, in an order that starts nothing before all of it is there. */
export async function makeDatabase(site: Site, wanted: WantedDatabase, deadlineMs: number): Promise<BuiltDatabase> {
  const image = imageOf(wanted.major);
  const {serviceId, made} = await claimService(site, wanted.name, wanted.owner);
  const service = {name: cleanLine(wanted.name, 80), serviceId};
  await giveVolume(site, service);
  const login = await giveVariables(site, service, wanted.owner);
  await setSettings(site, service.name, serviceId, {source: {image}});
  const proxyMade = await giveProxy(site, service);
  await start(site, service, deadlineMs, proxyMade);
  const proxy = await activeProxy(site, service, deadlineMs);
  const url = `postgresql://${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@${proxy.domain}:${proxy.proxyPort}/${encodeURIComponent(login.database)}?sslmode=require`;
  site.mask(url);
  return {serviceId, url, made};
}

async function giveVolume(site: Site, {name, serviceId}: Built): Promise<void> {
  const {session, projectId, environmentId} = site;
  const mounted = async () => {
    const {environment} = await session.read(volumesDocument, {projectId, environmentId});
    return environment.volumeInstances.edges.some(({node}) => node.serviceId === serviceId) || undefined;
  };
  if (await mounted()) return;
  const input = {...scopeAt(site, serviceId), mountPath};
  await build(
    site,
    `the volume of service ${name}`,
    async () => ((await session.once(createVolumeDocument, {input})).volumeCreate?.id ? true : undefined),
    mounted,
  );
}

async function giveVariables(site: Site, {name, serviceId}: Built, owner: string): Promise<Login> {
  const login = loginOf(await readPlainVariables(site, serviceId), name);
  site.mask(login.password);
  await setVariables(site, {name: `service ${name}`, serviceId}, {[ownerVariable]: owner, ...templateVariables(login)});
  return login;
}

async function proxyOf(site: Site, serviceId: string): Promise<RawProxy | undefined> {
  const {tcpProxies} = await site.session.read(proxiesDocument, {environmentId: site.environmentId, serviceId});
  return tcpProxies.find((one) => one.applicationPort === port && !/^DELET/.test(one.syncStatus));
}

/** @returns true when it was made now: then it takes a deployment to come into force. */
async function giveProxy(site: Site, {name, serviceId}: Built): Promise<boolean> {
  if (await proxyOf(site, serviceId)) return false;
  const {session, environmentId} = site;
  const input = {environmentId, serviceId, applicationPort: port};
  await build(
    site,
    `the public access of service ${name}`,
    async () => ((await session.once(createProxyDocument, {input})).tcpProxyCreate?.id ? true : undefined),
    async () => ((await proxyOf(site, serviceId)) ? true : undefined),
  );
  return true;
}

/** Follows the deployment that is on its way, or makes one; nothing when the database runs and may go on running. */
async function start(site: Site, service: Built, deadlineMs: number, again: boolean): Promise<void> {
  const {session} = site;
  const scope = scopeAt(site, service.serviceId);
  const state = await readState(session, scope, [], 30);
  const serving = servingOf(state);
  if (serving && notServing(serving) === undefined && !again) return;
  const id = pending(state)[0]?.id ?? (await deployOnce(site, service, state));
  const end = await follow(session, id, deadlineMs);
  if (end.kind !== 'good') throw await notStarted(site, service, id, end);
  const verified = await verifyServing(session, scope, id, deadlineMs, false);
  if (verified.kind !== 'not-serving') return;
  throw new Failure('RAILWAY_NOT_SERVING', `Service ${service.name} was started, but does not run: ${verified.why}`, {
    remedy: 'Read its last log lines on railway.com, and run again.',
    details: {deploymentId: id},
  });
}

function deployOnce(site: Site, {name, serviceId}: Built, before: ServiceState): Promise<string> {
  const {session, environmentId} = site;
  const known = new Set([...before.recent, ...before.active].map((row) => row.id));
  return build(
    site,
    `the first deployment of service ${name}`,
    async () => (await session.once(deployDocument, {environmentId, serviceId})).serviceInstanceDeployV2 || undefined,
    async () => {
      const {deployments} = await session.once(deploymentsDocument, {...scopeAt(site, serviceId), first: 30});
      return factsList(deployments).find((row) => !known.has(row.id))?.id;
    },
  );
}

async function notStarted(site: Site, {name}: Built, id: string, end: Exclude<End, {kind: 'good'}>): Promise<Failure> {
  const broken = ['failed', 'crashed', 'deadline'].includes(end.kind);
  const diagnosis = broken ? await diagnose(site.session, id, end.sawDeploying || end.kind === 'crashed') : undefined;
  const {code, message, remedy} = badEnd(id, end, diagnosis, []);
  return new Failure(code, `Database service ${name} did not start: ${message}`, {
    remedy,
    details: {deploymentId: id, logTail: diagnosis?.logTail ?? []},
  });
}

async function activeProxy(site: Site, {name, serviceId}: Built, deadlineMs: number): Promise<RawProxy> {
  let last = 'there is none';
  const looked = await lookUntil(site.session, deadlineMs, async () => {
    const proxy = await proxyOf(site, serviceId);
    last = proxy?.syncStatus ?? 'there is none';
    return proxy?.syncStatus === 'ACTIVE' && proxy.domain && proxy.proxyPort > 0 ? proxy : undefined;
  });
  if (looked.value) return looked.value;
  throw (
    looked.trouble ??
    new Failure(
      'RAILWAY_PROXY',
      `The public access of service ${name} did not come into force in time (${cleanLine(last, 40)})`,
      {remedy: `Deploy service ${name} once more on railway.com, and run again: it will be taken up.`},
    )
  );
}
