/**
 * Every GraphQL document this adapter sends. Few fields each: an old client broke when one selected field vanished.
 * Fields that some tokens may not read stand behind `@include`, because the schema's roots are non-null and one refused
 * field would take the whole answer with it.
 */

export interface Document<Result, Variables> {
  /** The operation's name, also sent in the query string: its main field, so that Railway's words find it in a log. */
  readonly name: string;
  readonly kind: 'query' | 'mutation';
  readonly text: string;
  /** Never set: carries the types. */
  readonly types?: {readonly result: Result; readonly variables: Variables};
}

/** As it comes over the wire; `facts.ts` makes it safe to use. */
export interface RawDeployment {
  readonly id?: string | null;
  readonly status?: string | null;
  readonly statusUpdatedAt?: string | null;
  readonly createdAt?: string | null;
  readonly canRollback?: boolean | null;
  readonly canRedeploy?: boolean | null;
  readonly deploymentStopped?: boolean | null;
  readonly staticUrl?: string | null;
  readonly meta?: unknown;
  readonly instances?: ReadonlyArray<{readonly id?: string; readonly status?: string}> | null;
}

export interface Connection<Node> {
  readonly edges: ReadonlyArray<{readonly node: Node}>;
  readonly pageInfo?: {readonly hasNextPage: boolean; readonly endCursor?: string | null};
}

export interface ServiceScope {
  readonly projectId: string;
  readonly environmentId: string;
  readonly serviceId: string;
}

export interface RawLog {
  readonly timestamp?: string | null;
  readonly message?: string | null;
  readonly severity?: string | null;
}

export interface RawEvent {
  readonly step?: string | null;
  readonly createdAt?: string | null;
  readonly completedAt?: string | null;
  readonly payload?: {
    readonly error?: string | null;
    readonly detail?: string | null;
    readonly reason?: string | null;
    readonly attempt?: number | null;
    readonly maxAttempts?: number | null;
  } | null;
}

const deploymentFields =
  'id status statusUpdatedAt createdAt canRollback canRedeploy deploymentStopped staticUrl meta instances { id status }';
const rowFields = 'id status createdAt canRollback canRedeploy meta';
const page = 'pageInfo { hasNextPage endCursor }';

function document<Result, Variables>(
  kind: 'query' | 'mutation',
  name: string,
  body: string,
): Document<Result, Variables> {
  return {name, kind, text: `${kind} ${name}${body}`};
}

export const projectTokenDocument = document<
  {
    projectToken: {
      id: string;
      name: string;
      projectId: string;
      environmentId: string;
      project: {name: string};
      environment: {name: string};
    };
  },
  Record<string, never>
>(
  'query',
  'projectToken',
  ' { projectToken { id name projectId environmentId project { name } environment { name } } }',
);

export const apiTokenDocument = document<
  {apiToken: {workspaces: ReadonlyArray<{id: string; name: string}>}},
  Record<string, never>
>('query', 'apiToken', ' { apiToken { workspaces { id name } } }');

export const accountDocument = document<{me: {id: string}}, Record<string, never>>('query', 'me', ' { me { id } }');

export const projectDocument = document<
  {project: {id: string; name: string; environments: Connection<{id: string; name: string}>}},
  {projectId: string}
>(
  'query',
  'project',
  '($projectId: String!) { project(id: $projectId) { id name environments(first: 100) { edges { node { id name } } } } }',
);

export const servicesDocument = document<
  {environment: {id: string; name: string; serviceInstances: Connection<{serviceId: string; serviceName: string}>}},
  {environmentId: string; projectId: string; after?: string}
>(
  'query',
  'environment',
  `($environmentId: String!, $projectId: String!, $after: String) {
  environment(id: $environmentId, projectId: $projectId) {
    id name serviceInstances(first: 100, after: $after) { edges { node { serviceId serviceName } } ${page} }
  }
}`,
);

export interface RawServiceState {
  readonly serviceInstance: {
    readonly serviceName?: string | null;
    readonly source?: {readonly repo?: string | null; readonly image?: string | null} | null;
    readonly healthcheckPath?: string | null;
    readonly numReplicas?: number | null;
    readonly activeDeployments?: readonly RawDeployment[] | null;
  };
  readonly deployments: Connection<RawDeployment>;
  readonly domains?: RawDomains;
  readonly serviceInstanceAutoDeployStatus?: {
    readonly enabled: boolean;
    readonly canEnable: boolean;
    readonly reason?: string | null;
  };
  readonly deploymentTriggers?: Connection<{branch: string; checkSuites: boolean; repository: string}>;
}

export interface RawDomains {
  readonly serviceDomains: ReadonlyArray<{readonly domain: string}>;
  readonly customDomains: ReadonlyArray<{readonly domain: string}>;
}

export const serviceStateDocument = document<
  RawServiceState,
  ServiceScope & {first: number; domains: boolean; autoDeploy: boolean; triggers: boolean}
>(
  'query',
  'serviceInstance',
  `($projectId: String!, $environmentId: String!, $serviceId: String!, $first: Int!, $domains: Boolean!, $autoDeploy: Boolean!, $triggers: Boolean!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    serviceName source { repo image } healthcheckPath numReplicas
    activeDeployments { ${deploymentFields} }
  }
  deployments(first: $first, input: {projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId}) {
    edges { node { ${rowFields} } }
  }
  domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) @include(if: $domains) {
    serviceDomains { domain } customDomains { domain }
  }
  serviceInstanceAutoDeployStatus(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) @include(if: $autoDeploy) {
    enabled canEnable reason
  }
  deploymentTriggers(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) @include(if: $triggers) {
    edges { node { branch checkSuites repository } }
  }
}`,
);

export const deploymentDocument = document<{deployment: RawDeployment}, {id: string}>(
  'query',
  'deployment',
  `($id: String!) { deployment(id: $id) { ${deploymentFields} } }`,
);

export const deploymentsDocument = document<{deployments: Connection<RawDeployment>}, ServiceScope & {first: number}>(
  'query',
  'deployments',
  `($projectId: String!, $environmentId: String!, $serviceId: String!, $first: Int!) {
  deployments(first: $first, input: {projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId}) {
    edges { node { ${rowFields} } }
  }
}`,
);

export const eventsDocument = document<{deploymentEvents: Connection<RawEvent>}, {id: string}>(
  'query',
  'deploymentEvents',
  '($id: String!) { deploymentEvents(id: $id, first: 50) { edges { node { step createdAt completedAt payload { error detail reason attempt maxAttempts } } } } }',
);

export const buildLogsDocument = document<{buildLogs: readonly RawLog[]}, {id: string; limit: number}>(
  'query',
  'buildLogs',
  '($id: String!, $limit: Int!) { buildLogs(deploymentId: $id, limit: $limit) { timestamp message severity } }',
);

export const deploymentLogsDocument = document<{deploymentLogs: readonly RawLog[]}, {id: string; limit: number}>(
  'query',
  'deploymentLogs',
  '($id: String!, $limit: Int!) { deploymentLogs(deploymentId: $id, limit: $limit) { timestamp message severity } }',
);

export const deployDocument = document<
  {serviceInstanceDeployV2: string},
  {environmentId: string; serviceId: string; commitSha?: string}
>(
  'mutation',
  'serviceInstanceDeployV2',
  '($environmentId: String!, $serviceId: String!, $commitSha: String) { serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId, commitSha: $commitSha) }',
);

export const setImageDocument = document<
  {serviceInstanceUpdate: boolean},
  {environmentId: string; serviceId: string; image: string}
>(
  'mutation',
  'serviceInstanceUpdate',
  '($environmentId: String!, $serviceId: String!, $image: String!) { serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: {source: {image: $image}}) }',
);

export const rollbackDocument = document<{deploymentRollback: boolean}, {id: string}>(
  'mutation',
  'deploymentRollback',
  '($id: String!) { deploymentRollback(id: $id) }',
);

export const redeployDocument = document<{deploymentRedeploy: {id: string}}, {id: string}>(
  'mutation',
  'deploymentRedeploy',
  '($id: String!) { deploymentRedeploy(id: $id) { id } }',
);

/** Today's variables over the image that is kept: no build. */
export const startAgainDocument = document<{deploymentRedeploy: {id: string}}, {id: string}>(
  'mutation',
  'deploymentStartAgain',
  '($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id } }',
);

export const cancelDocument = document<{deploymentCancel: boolean}, {id: string}>(
  'mutation',
  'deploymentCancel',
  '($id: String!) { deploymentCancel(id: $id) }',
);

export const variableNamesDocument = document<
  {environment: {variables: Connection<{name: string; isSealed: boolean; serviceId?: string | null}>}},
  {environmentId: string; projectId: string; after?: string}
>(
  'query',
  'environmentVariables',
  `($environmentId: String!, $projectId: String!, $after: String) {
  environment(id: $environmentId, projectId: $projectId) {
    variables(first: 200, after: $after) { edges { node { name isSealed serviceId } } ${page} }
  }
}`,
);

export const deploymentVariablesDocument = document<{variablesForServiceDeployment: unknown}, ServiceScope>(
  'query',
  'variablesForServiceDeployment',
  `($projectId: String!, $environmentId: String!, $serviceId: String!) {
  variablesForServiceDeployment(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId)
}`,
);

export const variablesThenAndNowDocument = document<
  {deploymentSnapshot: {variables: unknown} | null; variablesForServiceDeployment: unknown},
  ServiceScope & {id: string}
>(
  'query',
  'deploymentSnapshot',
  `($projectId: String!, $environmentId: String!, $serviceId: String!, $id: String!) {
  deploymentSnapshot(deploymentId: $id) { variables }
  variablesForServiceDeployment(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId)
}`,
);

export const volumesDocument = document<
  {
    environment: {
      unmergedChangesCount?: number | null;
      volumeInstances: Connection<{id: string; serviceId?: string | null; mountPath: string; state?: string | null}>;
    };
  },
  {environmentId: string; projectId: string}
>(
  'query',
  'environmentVolumes',
  `($environmentId: String!, $projectId: String!) {
  environment(id: $environmentId, projectId: $projectId) {
    unmergedChangesCount volumeInstances(first: 100) { edges { node { id serviceId mountPath state } } }
  }
}`,
);

export const platformStatusDocument = document<
  {platformStatus: {isStable: boolean; incident?: {message: string} | null}},
  Record<string, never>
>('query', 'platformStatus', ' { platformStatus { isStable incident { message } } }');

export const trafficDocument = document<
  {
    httpMetricsGroupedByStatus: ReadonlyArray<{
      statusCode: number;
      samples: ReadonlyArray<{ts: number; value: number}>;
    }>;
    httpDurationMetrics: {samples: ReadonlyArray<{ts: number; p50: number; p90: number; p95: number; p99: number}>};
  },
  {environmentId: string; serviceId: string; startDate: string; endDate: string}
>(
  'query',
  'httpMetrics',
  // No step: a series of percentiles could not be joined into one honest figure.
  `($environmentId: String!, $serviceId: String!, $startDate: DateTime!, $endDate: DateTime!) {
  httpMetricsGroupedByStatus(environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate, endDate: $endDate) {
    statusCode samples { ts value }
  }
  httpDurationMetrics(environmentId: $environmentId, serviceId: $serviceId, startDate: $startDate, endDate: $endDate) {
    samples { ts p50 p90 p95 p99 }
  }
}`,
);

const settingFields = `serviceName source { repo image } builder buildCommand dockerfilePath rootDirectory railwayConfigFile watchPatterns
    startCommand preDeployCommand cronSchedule healthcheckPath healthcheckTimeout overlapSeconds drainingSeconds
    numReplicas region restartPolicyType restartPolicyMaxRetries sleepApplication`;

export const settingsDocument = document<
  {serviceInstance: Record<string, unknown>; own: unknown; shared: unknown},
  ServiceScope
>(
  'query',
  'serviceSettings',
  `($projectId: String!, $environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    ${settingFields}
  }
  own: variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true)
  shared: variables(projectId: $projectId, environmentId: $environmentId, unrendered: true)
}`,
);

/** The same without the variables, for reading back what was written. */
export const instanceSettingsDocument = document<
  {serviceInstance: Record<string, unknown>},
  {environmentId: string; serviceId: string}
>(
  'query',
  'instanceSettings',
  `($environmentId: String!, $serviceId: String!) { serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    ${settingFields}
  } }`,
);

/** Unrendered; the environment's shared ones without a service. */
export const variablesDocument = document<
  {variables: unknown},
  {projectId: string; environmentId: string; serviceId?: string}
>(
  'query',
  'variables',
  '($projectId: String!, $environmentId: String!, $serviceId: String) { variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true) }',
);

export const createServiceDocument = document<
  {serviceCreate: {id: string} | null},
  {input: {projectId: string; environmentId: string; name: string; variables: Readonly<Record<string, string>>}}
>('mutation', 'serviceCreate', '($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }');

export const setVariablesDocument = document<
  {variableCollectionUpsert: boolean},
  {
    input: {
      projectId: string;
      environmentId: string;
      serviceId?: string;
      variables: Readonly<Record<string, string>>;
      skipDeploys: true;
    };
  }
>(
  'mutation',
  'variableCollectionUpsert',
  '($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }',
);

export const setSettingsDocument = document<
  {serviceInstanceUpdate: boolean},
  {environmentId: string; serviceId: string; input: Readonly<Record<string, unknown>>}
>(
  'mutation',
  'serviceInstanceSettings',
  '($environmentId: String!, $serviceId: String!, $input: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: $input) }',
);

export const createVolumeDocument = document<
  {volumeCreate: {id: string} | null},
  {input: ServiceScope & {mountPath: string}}
>('mutation', 'volumeCreate', '($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }');

export interface RawProxy {
  readonly applicationPort: number;
  readonly domain: string;
  readonly proxyPort: number;
  readonly syncStatus: string;
}

export const proxiesDocument = document<{tcpProxies: readonly RawProxy[]}, {environmentId: string; serviceId: string}>(
  'query',
  'tcpProxies',
  '($environmentId: String!, $serviceId: String!) { tcpProxies(environmentId: $environmentId, serviceId: $serviceId) { applicationPort domain proxyPort syncStatus } }',
);

/**
 * Deprecated in favour of staged changes, since it takes a deployment to come into force. Here one follows anyway, and a
 * staged change would carry along whatever somebody else has staged in the environment.
 */
export const createProxyDocument = document<
  {tcpProxyCreate: {id: string} | null},
  {input: {environmentId: string; serviceId: string; applicationPort: number}}
>('mutation', 'tcpProxyCreate', '($input: TCPProxyCreateInput!) { tcpProxyCreate(input: $input) { id } }');

export interface RawCustomDomain {
  readonly domain: string;
  readonly status?: {
    readonly verified: boolean;
    readonly verificationDnsHost?: string | null;
    readonly verificationToken?: string | null;
    readonly dnsRecords: ReadonlyArray<{
      readonly fqdn: string;
      readonly recordType: string;
      readonly requiredValue: string;
      readonly status: string;
    }>;
  } | null;
}

export const domainRecordsDocument = document<
  {domains: {serviceDomains: ReadonlyArray<{domain: string}>; customDomains: readonly RawCustomDomain[]}},
  ServiceScope
>(
  'query',
  'domainRecords',
  `($projectId: String!, $environmentId: String!, $serviceId: String!) {
  domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) {
    serviceDomains { domain }
    customDomains { domain status { verified verificationDnsHost verificationToken dnsRecords { fqdn recordType requiredValue status } } }
  }
}`,
);

export const createServiceDomainDocument = document<
  {serviceDomainCreate: {domain: string} | null},
  {input: {environmentId: string; serviceId: string; targetPort?: number}}
>(
  'mutation',
  'serviceDomainCreate',
  '($input: ServiceDomainCreateInput!) { serviceDomainCreate(input: $input) { domain } }',
);

export const createCustomDomainDocument = document<
  {customDomainCreate: {domain: string} | null},
  {input: ServiceScope & {domain: string; targetPort?: number}}
>(
  'mutation',
  'customDomainCreate',
  '($input: CustomDomainCreateInput!) { customDomainCreate(input: $input) { domain } }',
);

export const domainsDocument = document<
  {
    domains: {
      serviceDomains: ReadonlyArray<{domain: string; targetPort?: number | null}>;
      customDomains: ReadonlyArray<{domain: string; targetPort?: number | null}>;
    };
  },
  ServiceScope
>(
  'query',
  'domains',
  `($projectId: String!, $environmentId: String!, $serviceId: String!) {
  domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) {
    serviceDomains { domain targetPort } customDomains { domain targetPort }
  }
}`,
);

export const edgeConfigDocument = document<
  {serviceInstance: {edgeConfig?: {edgeRules?: unknown} | null} | null},
  {environmentId: string; serviceId: string}
>(
  'query',
  'edgeConfig',
  '($environmentId: String!, $serviceId: String!) { serviceInstance(environmentId: $environmentId, serviceId: $serviceId) { edgeConfig { edgeRules } } }',
);

export const setEdgeRulesDocument = document<
  {updateServiceEdgeRules: {edgeRules?: unknown} | null},
  {environmentId: string; serviceId: string; edgeRules: unknown}
>(
  'mutation',
  'updateServiceEdgeRules',
  '($environmentId: String!, $serviceId: String!, $edgeRules: JSON) { updateServiceEdgeRules(input: {environmentId: $environmentId, serviceId: $serviceId, edgeRules: $edgeRules}) { edgeRules } }',
);

/** All of them, for the check against the published schema. */
export const allDocuments: ReadonlyArray<{readonly name: string; readonly kind: string; readonly text: string}> = [
  projectTokenDocument,
  apiTokenDocument,
  accountDocument,
  projectDocument,
  servicesDocument,
  serviceStateDocument,
  deploymentDocument,
  deploymentsDocument,
  eventsDocument,
  buildLogsDocument,
  deploymentLogsDocument,
  deployDocument,
  setImageDocument,
  rollbackDocument,
  redeployDocument,
  startAgainDocument,
  cancelDocument,
  variableNamesDocument,
  deploymentVariablesDocument,
  variablesThenAndNowDocument,
  volumesDocument,
  platformStatusDocument,
  trafficDocument,
  settingsDocument,
  instanceSettingsDocument,
  variablesDocument,
  createServiceDocument,
  setVariablesDocument,
  setSettingsDocument,
  createVolumeDocument,
  proxiesDocument,
  createProxyDocument,
  domainRecordsDocument,
  createServiceDomainDocument,
  createCustomDomainDocument,
  domainsDocument,
  edgeConfigDocument,
  setEdgeRulesDocument,
];
