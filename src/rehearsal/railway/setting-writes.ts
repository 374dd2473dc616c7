import {notAuthorized, refuse} from './access.js';
import {diagnose, type EdgeRules} from './edge-rules.js';
import type {RootFields} from './graphql.js';
import type {ServiceRecord, ServiceSettings} from './records.js';
import {type Scope, scopedService} from './scope.js';
import {edgeConfigView, triggerView} from './views.js';
import {inBackground, newId, pause, repositoryOf, type World} from './world.js';

/** Writes that store settings: of the service, its trigger and its edge. They start no deployment. */

/** The published input; settings kept by the same name and shape are taken from the record's type. */
export interface UpdateInput extends Partial<Pick<ServiceSettings, SameName>> {
  readonly source?: {readonly image?: string | null; readonly repo?: string | null} | null;
  readonly startCommand?: string;
  readonly preDeployCommand?: readonly string[];
  readonly healthcheckTimeout?: number;
  readonly multiRegionConfig?: unknown;
  readonly registryCredentials?: unknown;
}

type SameName =
  | 'healthcheckPath'
  | 'overlapSeconds'
  | 'drainingSeconds'
  | 'numReplicas'
  | 'restartPolicyType'
  | 'restartPolicyMaxRetries'
  | 'sleepApplication'
  | 'watchPatterns'
  | 'rootDirectory';

interface ById {
  readonly id: string;
}

export function settingFields(world: World): RootFields {
  return {
    serviceInstanceUpdate: ({input, ...scope}: Scope & {input: UpdateInput}) => {
      updateService(world, scopedService(world, scope), input);
      return true;
    },
    serviceInstanceAutoDeployUpdate: ({input}: {input: Scope & {enabled: boolean}}) => {
      const service = scopedService(world, input);
      service.autoDeploy = input.enabled;
      return {enabled: service.autoDeploy};
    },
    deploymentTriggerUpdate: ({
      id,
      input,
    }: ById & {input: {branch?: string; checkSuites?: boolean; repository?: string; rootDirectory?: string}}) => {
      const service = world.services.find((candidate) => candidate.trigger.id === id);
      if (!service) throw notAuthorized();
      service.trigger = {...service.trigger, ...given(input)};
      return triggerView(world, service);
    },
    updateServiceEdgeRules: ({input}: {input: Scope & {edgeRules?: EdgeRules | null}}) => {
      const service = scopedService(world, input);
      setEdgeRules(world, service, input.edgeRules ?? null);
      return edgeConfigView(service);
    },
    setServiceUnderAttackMode: ({input}: {input: Scope & {enabled: boolean; durationSeconds?: number | null}}) => {
      const service = scopedService(world, input);
      service.edge.underAttackUntilS = input.enabled
        ? Math.floor(world.now() / 1_000) + (input.durationSeconds ?? 3_600)
        : undefined;
      return edgeConfigView(service);
    },
  };
}

/** Stores and starts nothing. */
export function updateService(world: World, service: ServiceRecord, input: UpdateInput): void {
  if (input.numReplicas === 0) throw refuse('Error in numReplicas - Invalid input', 'BAD_USER_INPUT');
  const {
    source,
    startCommand,
    preDeployCommand,
    healthcheckTimeout,
    multiRegionConfig: _regions,
    registryCredentials: _credentials,
    ...rest
  } = given(input);
  if (source?.image) service.source = {image: source.image};
  else if (source?.repo) connect(world, service, source.repo);
  const {
    healthcheckPath,
    overlapSeconds,
    drainingSeconds,
    numReplicas,
    restartPolicyType,
    restartPolicyMaxRetries,
    sleepApplication,
    watchPatterns,
    rootDirectory,
    ...other
  } = rest;
  const known: Partial<ServiceSettings> = given({
    healthcheckPath,
    overlapSeconds,
    drainingSeconds,
    numReplicas,
    restartPolicyType,
    restartPolicyMaxRetries,
    sleepApplication,
    watchPatterns,
    rootDirectory,
  });
  service.settings = {
    ...service.settings,
    ...known,
    ...(healthcheckTimeout === undefined ? {} : {healthcheckTimeoutS: healthcheckTimeout}),
    ...(startCommand === undefined ? {} : {startCommand: words(startCommand)}),
    ...(preDeployCommand === undefined ? {} : {preDeployCommand: preDeployCommand.flatMap(words)}),
    other: {...service.settings.other, ...other},
  };
  service.updatedAtMs = world.now();
}

/** A connected repository comes with its trigger, on the repository's own branch. */
function connect(world: World, service: ServiceRecord, repo: string): void {
  service.source = {repo};
  const branch = service.trigger.branch || (repositoryOf(world, service)?.branch ?? '');
  service.trigger = {...service.trigger, repository: repo, branch};
}

function words(command: unknown): string[] {
  return String(command)
    .split(/\s+/)
    .filter((word) => word !== '');
}

function given<T extends object>(input: T): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined && value !== null)) as T;
}

/** Replaces the whole set; null clears it. The edge follows a little later. */
function setEdgeRules(world: World, service: ServiceRecord, rules: EdgeRules | null): void {
  const found = rules === null ? [] : diagnose(rules);
  if (found.length > 0)
    throw refuse(
      `Invalid edge rules: ${found.map(({path, message}) => `${path}: ${message}`).join('; ')}`,
      'BAD_USER_INPUT',
    );
  service.edge.rules = rules && {
    version: 1,
    rules: rules.rules.map((rule) => ({...rule, id: rule.id ?? `rul_${newId().replaceAll('-', '').slice(0, 16)}`})),
  };
  inBackground(
    world,
    pause(world, world.delays.edgeRules).then(() => {
      service.edge.inForce = service.edge.rules;
    }),
  );
}
