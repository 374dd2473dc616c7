import {refuse} from './access.js';
import {proxyTarget, startForwarder} from './forwarder.js';
import type {RootFields} from './graphql.js';
import type {CustomDomainRecord, ServiceRecord} from './records.js';
import {inScope, type Scope, scopedService} from './scope.js';
import {type UpdateInput, updateService} from './setting-writes.js';
import {customDomainView, domainsView, serviceView, tcpProxyView, volumeView} from './views.js';
import {newId, serviceRecord, variableRecords, volumeRecord, type World} from './world.js';

/** Writes that make what a project is built of. None starts a deployment of a service that never had one. */

interface ServiceInput extends Scope {
  readonly name?: string | null;
  readonly source?: UpdateInput['source'];
  readonly variables?: Readonly<Record<string, string>> | null;
}

interface DomainInput extends Scope {
  readonly domain: string;
  readonly targetPort?: number | null;
}

export function constructionFields(world: World): RootFields {
  return {
    serviceCreate: ({input}: {input: ServiceInput}) => serviceView(world, createService(world, input)),
    volumeCreate: ({input}: {input: Scope & {mountPath: string}}) => createVolume(world, input),
    tcpProxyCreate: ({input}: {input: Scope & {applicationPort: number}}) => createProxy(world, input),
    serviceDomainCreate: ({input}: {input: Scope & {targetPort?: number | null}}) => generateDomain(world, input),
    customDomainCreate: ({input}: {input: DomainInput}) => attachDomain(world, input),
  };
}

function badInput(message: string) {
  return refuse(message, 'BAD_USER_INPUT');
}

function createService(world: World, input: ServiceInput): ServiceRecord {
  inScope(world, input);
  const name = input.name ?? `service-${newId().slice(0, 8)}`;
  if (name.trim() === '') throw badInput('Error in name - Invalid input');
  if (world.services.some((service) => service.name === name))
    throw refuse(`A service named "${name}" already exists in this project`, null);
  const service = serviceRecord({id: newId(), name, publicDomain: false}, world.now());
  service.variables = variableRecords(input.variables ?? {});
  if (input.source) updateService(world, service, {source: input.source});
  world.services.push(service);
  return service;
}

function createVolume(world: World, input: Scope & {mountPath: string}): unknown {
  inScope(world, input);
  if (!input.mountPath.startsWith('/')) throw badInput('Error in mountPath - Invalid input');
  if (input.serviceId == null) throw badInput('Error in serviceId - Invalid input');
  if (world.volumes.some((volume) => volume.serviceId === input.serviceId))
    throw refuse('Service already has a volume', null);
  const volume = volumeRecord(input.serviceId, {mountPath: input.mountPath}, world.now());
  world.volumes.push(volume);
  return volumeView(world, volume);
}

async function createProxy(world: World, input: Scope & {applicationPort: number}): Promise<unknown> {
  const service = scopedService(world, input);
  const {applicationPort} = input;
  if (applicationPort < 1 || applicationPort > 65_535) throw badInput('Error in applicationPort - Invalid input');
  if (service.tcpProxy) throw refuse('TCP proxy already exists', null);
  const forwarder = await startForwarder(() => proxyTarget(service));
  world.forwarders.set(service.id, forwarder);
  service.tcpProxy = {
    domain: '127.0.0.1',
    proxyPort: forwarder.port,
    applicationPort,
    syncStatus: 'CREATING',
    after: world.deployments.length,
  };
  return tcpProxyView(world, service, service.tcpProxy);
}

async function generateDomain(world: World, input: Scope & {targetPort?: number | null}): Promise<unknown> {
  const service = scopedService(world, input);
  if (service.publicDomain) throw refuse('Service already has a domain', null);
  await world.fronts.open(() => world, service.id);
  service.publicDomain = true;
  service.domainPort = input.targetPort ?? undefined;
  return (domainsView(world, service).serviceDomains as unknown[])[0];
}

function attachDomain(world: World, input: DomainInput): unknown {
  const service = scopedService(world, input);
  if (!/^([a-z0-9-]+\.)+[a-z]{2,}$/i.test(input.domain)) throw badInput('Error in domain - Invalid input');
  if (world.services.some((one) => one.customDomains.some(({domain}) => domain === input.domain)))
    throw refuse('Domain is already in use', null);
  const record: CustomDomainRecord = {
    id: newId(),
    domain: input.domain,
    targetPort: input.targetPort ?? undefined,
    target: newId().slice(0, 8),
    verified: false,
    createdAtMs: world.now(),
  };
  service.customDomains.push(record);
  return customDomainView(world, service, record);
}
