/**
 * The part of the platform's public GraphQL schema that the stand-in answers, in the published names and types. What is
 * not here is refused as an unknown field, so a caller that needs more notices at once. A contract test compares every
 * type, field, argument and enum value with the published schema when that file is at hand.
 */
export const railwaySdl = `
type Query {
  apiToken: ApiTokenContext!
  bucketInstanceDetails(bucketId: String!, environmentId: String!): BucketInstanceDetails
  bucketS3Credentials(bucketId: String!, environmentId: String!, projectId: String!): [BucketS3CompatibleCredentials!]!
  buildLogs(deploymentId: String!, endDate: DateTime, filter: String, limit: Int, startDate: DateTime): [Log!]!
  deployment(id: String!): Deployment!
  deploymentEvents(after: String, before: String, first: Int, id: String!, last: Int): QueryDeploymentEventsConnection!
  deploymentLogs(deploymentId: String!, endDate: DateTime, filter: String, limit: Int, startDate: DateTime): [Log!]!
  deploymentSnapshot(deploymentId: String!): DeploymentSnapshot
  deploymentTriggers(after: String, before: String, environmentId: String!, first: Int, last: Int, projectId: String!, serviceId: String!): QueryDeploymentTriggersConnection!
  deployments(after: String, before: String, first: Int, input: DeploymentListInput!, last: Int): QueryDeploymentsConnection!
  domains(environmentId: String!, projectId: String!, serviceId: String!): AllDomains!
  environment(id: String!, projectId: String): Environment!
  environmentLogs(afterDate: String, afterLimit: Int, anchorDate: String, beforeDate: String, beforeLimit: Int, environmentId: String!, filter: String): [Log!]!
  environmentStagedChanges(environmentId: String!): EnvironmentPatch!
  httpDurationMetrics(endDate: DateTime!, environmentId: String!, method: String, path: String, serviceId: String!, startDate: DateTime!, statusCode: Int, stepSeconds: Int): HttpDurationMetricsResult!
  httpLogs(afterDate: String, afterLimit: Int, anchorDate: String, beforeDate: String, beforeLimit: Int, deploymentId: String!, filter: String, limit: Int): [HttpLog!]!
  httpMetrics(endDate: DateTime!, environmentId: String!, method: String, path: String, serviceId: String!, startDate: DateTime!, statusCode: Int, stepSeconds: Int): HttpMetricsResult!
  httpMetricsGroupedByStatus(endDate: DateTime!, environmentId: String!, method: String, path: String, serviceId: String!, startDate: DateTime!, stepSeconds: Int): [HttpMetricsByStatusResult!]!
  me: User!
  metrics(averagingWindowSeconds: Int, endDate: DateTime, environmentId: String, groupBy: [MetricTag!], includeDeleted: Boolean, measurements: [MetricMeasurement!]!, projectId: String, sampleRateSeconds: Int, serviceId: String, startDate: DateTime!, volumeId: String, volumeInstanceExternalId: String, workspaceId: String): [MetricsResult!]!
  platformStatus: PlatformStatus!
  project(id: String!): Project!
  projectToken: ProjectToken!
  service(id: String!): Service!
  serviceInstance(environmentId: String!, serviceId: String!): ServiceInstance!
  serviceInstanceAutoDeployStatus(environmentId: String!, projectId: String!, serviceId: String!): ServiceInstanceAutoDeployStatus!
  tcpProxies(environmentId: String!, serviceId: String!): [TCPProxy!]!
  validateServiceEdgeRules(input: ValidateServiceEdgeRulesInput!): [EdgeRuleDiagnostic!]!
  variables(environmentId: String!, projectId: String!, serviceId: String, unrendered: Boolean): EnvironmentVariables!
  variablesForServiceDeployment(environmentId: String!, projectId: String!, serviceId: String!): EnvironmentVariables!
  volumeInstance(id: String!): VolumeInstance!
  volumeInstanceBackupList(volumeInstanceId: String!): [VolumeInstanceBackup!]!
  volumeInstanceBackupScheduleList(volumeInstanceId: String!): [VolumeInstanceBackupSchedule!]!
  workflowStatus(workflowId: String!): WorkflowResult!
}

type Mutation {
  customDomainCreate(input: CustomDomainCreateInput!): CustomDomain!
  deploymentApprove(id: String!): Boolean!
  deploymentCancel(id: String!): Boolean!
  deploymentRedeploy(id: String!, usePreviousImageTag: Boolean): Deployment!
  deploymentRemove(id: String!): Boolean!
  deploymentRestart(id: String!): Boolean!
  deploymentRollback(id: String!): Boolean!
  deploymentStop(id: String!): Boolean!
  deploymentTriggerUpdate(id: String!, input: DeploymentTriggerUpdateInput!): DeploymentTrigger!
  environmentPatchCommit(commitMessage: String, environmentId: String!, patch: EnvironmentConfig): String!
  environmentPatchCommitStaged(commitMessage: String, environmentId: String!, skipDeploys: Boolean): String!
  environmentStageChanges(environmentId: String!, input: EnvironmentConfig!, merge: Boolean): EnvironmentPatch!
  environmentTriggersDeploy(input: EnvironmentTriggersDeployInput!): Boolean!
  serviceCreate(input: ServiceCreateInput!): Service!
  serviceDomainCreate(input: ServiceDomainCreateInput!): ServiceDomain!
  serviceInstanceAutoDeployUpdate(input: ServiceInstanceAutoDeployUpdateInput!): ServiceInstanceAutoDeployUpdateResult!
  serviceInstanceDeploy(commitSha: String, environmentId: String!, latestCommit: Boolean, serviceId: String!): Boolean!
  serviceInstanceDeployV2(commitSha: String, environmentId: String!, serviceId: String!): String!
  serviceInstanceRedeploy(environmentId: String!, serviceId: String!): Boolean!
  serviceInstanceUpdate(environmentId: String, input: ServiceInstanceUpdateInput!, serviceId: String!): Boolean!
  setServiceUnderAttackMode(input: SetServiceUnderAttackModeInput!): EdgeConfig!
  tcpProxyCreate(input: TCPProxyCreateInput!): TCPProxy!
  updateServiceEdgeRules(input: UpdateServiceEdgeRulesInput!): EdgeConfig!
  variableCollectionUpsert(input: VariableCollectionUpsertInput!): Boolean!
  variableDelete(input: VariableDeleteInput!): Boolean!
  variableUpsert(input: VariableUpsertInput!): Boolean!
  volumeCreate(input: VolumeCreateInput!): Volume!
  volumeInstanceBackupCreate(name: String, volumeInstanceId: String!): WorkflowId!
  volumeInstanceBackupDelete(volumeInstanceBackupId: String!, volumeInstanceId: String!): WorkflowId!
  volumeInstanceBackupLock(volumeInstanceBackupId: String!, volumeInstanceId: String!): Boolean!
  volumeInstanceBackupRestore(replicaServiceIds: [String!], volumeInstanceBackupId: String!, volumeInstanceId: String!, wipeServiceIds: [String!]): WorkflowId!
  volumeInstanceBackupScheduleUpdate(kinds: [VolumeInstanceBackupScheduleKind!]!, volumeInstanceId: String!): Boolean!
  volumeInstancePITRRestore(newServiceName: String, sourceRepoPath: String, targetTimestamp: DateTime!, volumeInstanceId: String!): WorkflowId!
}

type AllDomains {
  customDomains: [CustomDomain!]!
  serviceDomains: [ServiceDomain!]!
}

type ApiTokenContext {
  workspaces: [ApiTokenWorkspace!]!
}

type ApiTokenWorkspace {
  id: String!
  name: String!
}

scalar BigInt

type Bucket {
  createdAt: DateTime!
  id: ID!
  name: String!
  projectId: String!
  updatedAt: DateTime!
}

type BucketInstanceDetails {
  objectCount: BigInt!
  sizeBytes: BigInt!
}

type BucketS3CompatibleCredentials {
  accessKeyId: String!
  bucketName: String!
  createdAt: DateTime!
  endpoint: String!
  region: String!
  secretAccessKey: String!
  urlStyle: String!
}

enum Builder {
  HEROKU
  NIXPACKS
  PAKETO
  RAILPACK
}

enum CertificateStatus {
  CERTIFICATE_STATUS_TYPE_ISSUE_FAILED
  CERTIFICATE_STATUS_TYPE_ISSUING
  CERTIFICATE_STATUS_TYPE_UNSPECIFIED
  CERTIFICATE_STATUS_TYPE_VALID
  CERTIFICATE_STATUS_TYPE_VALIDATING_OWNERSHIP
  UNRECOGNIZED
}

type CustomDomain {
  createdAt: DateTime
  deletedAt: DateTime
  domain: String!
  environmentId: String!
  id: ID!
  isRailwayDomain: Boolean!
  projectId: String
  serviceId: String!
  status: CustomDomainStatus!
  syncStatus: CustomDomainSyncStatus!
  targetPort: Int
  updatedAt: DateTime
}

input CustomDomainCreateInput {
  domain: String!
  environmentId: String!
  projectId: String!
  serviceId: String!
  targetPort: Int
}

type CustomDomainStatus {
  certificateStatus: CertificateStatus!
  dnsRecords: [DNSRecords!]!
  verificationDnsHost: String
  verificationToken: String
  verified: Boolean!
}

enum CustomDomainSyncStatus {
  ACTIVE
  CREATING
  DELETED
  DELETING
  UNSPECIFIED
  UPDATING
}

enum DNSRecordPurpose {
  DNS_RECORD_PURPOSE_ACME_DNS01_CHALLENGE
  DNS_RECORD_PURPOSE_TRAFFIC_ROUTE
  DNS_RECORD_PURPOSE_UNSPECIFIED
  UNRECOGNIZED
}

enum DNSRecordStatus {
  DNS_RECORD_STATUS_PROPAGATED
  DNS_RECORD_STATUS_REQUIRES_UPDATE
  DNS_RECORD_STATUS_UNSPECIFIED
  UNRECOGNIZED
}

enum DNSRecordType {
  DNS_RECORD_TYPE_A
  DNS_RECORD_TYPE_CNAME
  DNS_RECORD_TYPE_NS
  DNS_RECORD_TYPE_TXT
  DNS_RECORD_TYPE_UNSPECIFIED
  UNRECOGNIZED
}

type DNSRecords {
  currentValue: String!
  fqdn: String!
  hostlabel: String!
  purpose: DNSRecordPurpose!
  recordType: DNSRecordType!
  requiredValue: String!
  status: DNSRecordStatus!
  zone: String!
}

scalar DateTime

type Deployment {
  canRedeploy: Boolean!
  canRollback: Boolean!
  createdAt: DateTime!
  deploymentStopped: Boolean!
  diagnosis: DeploymentDiagnosis
  environment: Environment!
  environmentId: String!
  id: ID!
  instances: [DeploymentDeploymentInstance!]!
  meta: DeploymentMeta
  projectId: String!
  service: Service!
  serviceId: String
  snapshotId: String
  staticUrl: String
  status: DeploymentStatus!
  statusUpdatedAt: DateTime
  suggestAddServiceDomain: Boolean!
  updatedAt: DateTime!
  url: String
}

type DeploymentDeploymentInstance {
  id: String!
  status: DeploymentInstanceStatus!
}

scalar DeploymentDiagnosis

type DeploymentEvent {
  completedAt: DateTime
  createdAt: DateTime!
  id: ID!
  payload: DeploymentEventPayload
  step: DeploymentEventStep!
}

type DeploymentEventPayload {
  attempt: Int
  detail: String
  durationMs: Int
  error: String
  maxAttempts: Int
  reason: String
  skipped: Boolean
}

enum DeploymentEventStep {
  BUILD_IMAGE
  CONFIGURE_NETWORK
  CREATE_CONTAINER
  DRAIN_INSTANCES
  HEALTHCHECK
  MIGRATE_VOLUMES
  PRE_DEPLOY_COMMAND
  PUBLISH_IMAGE
  SNAPSHOT_CODE
  WAIT_FOR_DEPENDENCIES
}

enum DeploymentInstanceStatus {
  CRASHED
  CREATED
  EXITED
  INITIALIZING
  REMOVED
  REMOVING
  RESTARTING
  RUNNING
  SKIPPED
  STOPPED
}

input DeploymentListInput {
  environmentId: String
  includeDeleted: Boolean
  projectId: String
  serviceId: String
  status: DeploymentStatusInput
}

scalar DeploymentMeta

type DeploymentSnapshot {
  createdAt: DateTime!
  id: ID!
  updatedAt: DateTime!
  variables: EnvironmentVariables!
}

enum DeploymentStatus {
  BUILDING
  CRASHED
  DEPLOYING
  FAILED
  INITIALIZING
  NEEDS_APPROVAL
  QUEUED
  REMOVED
  REMOVING
  SKIPPED
  SLEEPING
  SUCCESS
  WAITING
}

input DeploymentStatusInput {
  in: [DeploymentStatus!]
  notIn: [DeploymentStatus!]
}

type DeploymentTrigger {
  branch: String!
  checkSuites: Boolean!
  environmentId: String!
  id: ID!
  projectId: String!
  provider: String!
  repository: String!
  serviceId: String
  validCheckSuites: Int!
}

input DeploymentTriggerUpdateInput {
  branch: String
  checkSuites: Boolean
  repository: String
  rootDirectory: String
}

type EdgeConfig {
  edgeRules: JSON
  enabled: Boolean!
  id: String!
  underAttackModeUntil: Int
}

type EdgeRuleDiagnostic {
  code: String!
  message: String!
  path: String!
}

type Environment {
  createdAt: DateTime!
  deploymentTriggers(after: String, before: String, first: Int, last: Int): EnvironmentDeploymentTriggersConnection!
  deployments(after: String, before: String, first: Int, last: Int): EnvironmentDeploymentsConnection!
  id: ID!
  isEphemeral: Boolean!
  name: String!
  projectId: String!
  serviceInstances(after: String, before: String, first: Int, last: Int): EnvironmentServiceInstancesConnection!
  unmergedChangesCount: Int
  updatedAt: DateTime!
  variables(after: String, before: String, first: Int, last: Int): EnvironmentVariablesConnection!
  volumeInstances(after: String, before: String, first: Int, last: Int): EnvironmentVolumeInstancesConnection!
}

scalar EnvironmentConfig

type EnvironmentDeploymentTriggersConnection {
  edges: [EnvironmentDeploymentTriggersConnectionEdge!]!
  pageInfo: PageInfo!
}

type EnvironmentDeploymentTriggersConnectionEdge {
  cursor: String!
  node: DeploymentTrigger!
}

type EnvironmentDeploymentsConnection {
  edges: [EnvironmentDeploymentsConnectionEdge!]!
  pageInfo: PageInfo!
}

type EnvironmentDeploymentsConnectionEdge {
  cursor: String!
  node: Deployment!
}

type EnvironmentPatch {
  appliedAt: DateTime
  createdAt: DateTime!
  environmentId: String!
  id: ID!
  lastAppliedError: String
  message: String
  patch(decryptVariables: Boolean): EnvironmentConfig!
  status: EnvironmentPatchStatus!
  updatedAt: DateTime!
}

enum EnvironmentPatchStatus {
  APPLYING
  COMMITTED
  STAGED
}

type EnvironmentServiceInstancesConnection {
  edges: [EnvironmentServiceInstancesConnectionEdge!]!
  pageInfo: PageInfo!
}

type EnvironmentServiceInstancesConnectionEdge {
  cursor: String!
  node: ServiceInstance!
}

input EnvironmentTriggersDeployInput {
  environmentId: String!
  projectId: String!
  serviceId: String!
}

scalar EnvironmentVariables

type EnvironmentVariablesConnection {
  edges: [EnvironmentVariablesConnectionEdge!]!
  pageInfo: PageInfo!
}

type EnvironmentVariablesConnectionEdge {
  cursor: String!
  node: Variable!
}

type EnvironmentVolumeInstancesConnection {
  edges: [EnvironmentVolumeInstancesConnectionEdge!]!
  pageInfo: PageInfo!
}

type EnvironmentVolumeInstancesConnectionEdge {
  cursor: String!
  node: VolumeInstance!
}

type HttpDurationMetricsResult {
  samples: [HttpDurationMetricsSample!]!
}

type HttpDurationMetricsSample {
  p50: Float!
  p90: Float!
  p95: Float!
  p99: Float!
  ts: Int!
}

type HttpLog {
  clientUa: String!
  deploymentId: String!
  deploymentInstanceId: String!
  downstreamProto: String!
  edgeRegion: String!
  host: String!
  httpStatus: Int!
  method: String!
  path: String!
  requestId: String!
  responseDetails: String!
  rxBytes: Int!
  srcIp: String!
  timestamp: String!
  totalDuration: Int!
  txBytes: Int!
  upstreamAddress: String!
  upstreamErrors: String!
  upstreamProto: String!
  upstreamRqDuration: Int!
}

type HttpMetricsByStatusResult {
  samples: [HttpMetricsSample!]!
  statusCode: Int!
}

type HttpMetricsResult {
  samples: [HttpMetricsSample!]!
}

type HttpMetricsSample {
  ts: Int!
  value: Float!
}

type Incident {
  createdAt: DateTime
  id: String!
  message: String!
  status: IncidentStatus!
  url: String!
}

enum IncidentStatus {
  IDENTIFIED
  INVESTIGATING
  MONITORING
  RESOLVED
}

scalar JSON

type Log {
  attributes: [LogAttribute!]!
  message: String!
  severity: String
  tags: LogTags
  timestamp: String!
}

type LogAttribute {
  key: String!
  value: String!
}

type LogTags {
  deploymentId: String
  deploymentInstanceId: String
  environmentId: String
  pluginId: String
  projectId: String
  serviceId: String
  snapshotId: String
}

type Maintenance {
  id: String!
  message: String!
  start: DateTime!
  status: MaintenanceStatus!
  url: String!
}

enum MaintenanceStatus {
  COMPLETED
  INPROGRESS
  NOTSTARTEDYET
}

type Metric {
  ts: Int!
  value: Float!
}

enum MetricMeasurement {
  BACKUP_USAGE_GB
  CPU_LIMIT
  CPU_USAGE
  CPU_USAGE_2
  DISK_USAGE_GB
  EPHEMERAL_DISK_USAGE_GB
  MEASUREMENT_UNSPECIFIED
  MEMORY_LIMIT_GB
  MEMORY_USAGE_GB
  NETWORK_RX_GB
  NETWORK_TX_GB
  UNRECOGNIZED
}

enum MetricTag {
  DEPLOYMENT_ID
  DEPLOYMENT_INSTANCE_ID
  ENVIRONMENT_ID
  HOST_TYPE
  KEY_UNSPECIFIED
  PLUGIN_ID
  PROJECT_ID
  REGION
  SERVICE_ID
  UNRECOGNIZED
  VOLUME_ID
  VOLUME_INSTANCE_ID
}

type MetricTags {
  deploymentId: String
  deploymentInstanceId: String
  environmentId: String
  pluginId: String
  projectId: String
  region: String
  serviceId: String
  volumeId: String
  volumeInstanceId: String
}

type MetricsResult {
  measurement: MetricMeasurement!
  tags: MetricTags!
  values: [Metric!]!
}

type PageInfo {
  endCursor: String
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  startCursor: String
}

type PlatformStatus {
  incident: Incident
  isStable: Boolean!
  maintenance: Maintenance
}

type Project {
  buckets(after: String, before: String, first: Int, last: Int): ProjectBucketsConnection!
  createdAt: DateTime!
  environments(after: String, before: String, first: Int, isEphemeral: Boolean, last: Int, sort: SortOrder): ProjectEnvironmentsConnection!
  id: ID!
  name: String!
  primaryEnvironmentId: String
  services(after: String, before: String, first: Int, last: Int): ProjectServicesConnection!
  subscriptionType: SubscriptionPlanType!
  updatedAt: DateTime!
  volumes(after: String, before: String, first: Int, last: Int): ProjectVolumesConnection!
  workspaceId: String
}

type ProjectBucketsConnection {
  edges: [ProjectBucketsConnectionEdge!]!
  pageInfo: PageInfo!
}

type ProjectBucketsConnectionEdge {
  cursor: String!
  node: Bucket!
}

type ProjectEnvironmentsConnection {
  edges: [ProjectEnvironmentsConnectionEdge!]!
  pageInfo: PageInfo!
}

type ProjectEnvironmentsConnectionEdge {
  cursor: String!
  node: Environment!
}

type ProjectServicesConnection {
  edges: [ProjectServicesConnectionEdge!]!
  pageInfo: PageInfo!
}

type ProjectServicesConnectionEdge {
  cursor: String!
  node: Service!
}

type ProjectToken {
  createdAt: DateTime!
  displayToken: String!
  environment: Environment!
  environmentId: String!
  id: ID!
  name: String!
  project: Project!
  projectId: String!
}

type ProjectVolumesConnection {
  edges: [ProjectVolumesConnectionEdge!]!
  pageInfo: PageInfo!
}

type ProjectVolumesConnectionEdge {
  cursor: String!
  node: Volume!
}

type QueryDeploymentEventsConnection {
  edges: [QueryDeploymentEventsConnectionEdge!]!
  pageInfo: PageInfo!
}

type QueryDeploymentEventsConnectionEdge {
  cursor: String!
  node: DeploymentEvent!
}

type QueryDeploymentTriggersConnection {
  edges: [QueryDeploymentTriggersConnectionEdge!]!
  pageInfo: PageInfo!
}

type QueryDeploymentTriggersConnectionEdge {
  cursor: String!
  node: DeploymentTrigger!
}

type QueryDeploymentsConnection {
  edges: [QueryDeploymentsConnectionEdge!]!
  pageInfo: PageInfo!
}

type QueryDeploymentsConnectionEdge {
  cursor: String!
  node: Deployment!
}

input RegistryCredentialsInput {
  password: String!
  username: String!
}

enum RestartPolicyType {
  ALWAYS
  NEVER
  ON_FAILURE
}

type Service {
  createdAt: DateTime!
  deletedAt: DateTime
  id: ID!
  name: String!
  project: Project!
  projectId: String!
  updatedAt: DateTime!
}

input ServiceCreateInput {
  branch: String
  environmentId: String
  icon: String
  name: String
  projectId: String!
  registryCredentials: RegistryCredentialsInput
  source: ServiceSourceInput
  templateId: String
  templateServiceId: String
  variables: EnvironmentVariables
}

type ServiceDomain {
  createdAt: DateTime
  deletedAt: DateTime
  domain: String!
  environmentId: String!
  id: ID!
  projectId: String
  serviceId: String!
  suffix: String
  syncStatus: ServiceDomainSyncStatus!
  targetPort: Int
  updatedAt: DateTime
}

input ServiceDomainCreateInput {
  environmentId: String!
  serviceId: String!
  targetPort: Int
}

enum ServiceDomainSyncStatus {
  ACTIVE
  CREATING
  DELETED
  DELETING
  UNSPECIFIED
  UPDATING
}

type ServiceInstance {
  activeDeployments: [Deployment!]!
  buildCommand: String
  builder: Builder!
  createdAt: DateTime!
  cronSchedule: String
  deletedAt: DateTime
  dockerfilePath: String
  domains: AllDomains!
  drainingSeconds: Int
  edgeConfig: EdgeConfig
  environmentId: String!
  healthcheckPath: String
  healthcheckTimeout: Int
  id: ID!
  isUpdatable: Boolean!
  latestDeployment: Deployment
  numReplicas: Int
  overlapSeconds: Int
  preDeployCommand: JSON
  railwayConfigFile: String
  region: String
  restartPolicyMaxRetries: Int!
  restartPolicyType: RestartPolicyType!
  rootDirectory: String
  service: Service!
  serviceId: String!
  serviceName: String!
  sleepApplication: Boolean
  source: ServiceSource
  startCommand: String
  updatedAt: DateTime!
  upstreamUrl: String
  watchPatterns: [String!]!
}

type ServiceInstanceAutoDeployStatus {
  canEnable: Boolean!
  enabled: Boolean!
  reason: String
}

input ServiceInstanceAutoDeployUpdateInput {
  enabled: Boolean!
  environmentId: String!
  projectId: String!
  serviceId: String!
}

type ServiceInstanceAutoDeployUpdateResult {
  enabled: Boolean!
}

input ServiceInstanceUpdateInput {
  buildCommand: String
  builder: Builder
  cronSchedule: String
  dockerfilePath: String
  drainingSeconds: Int
  healthcheckPath: String
  healthcheckTimeout: Int
  ipv6EgressEnabled: Boolean
  multiRegionConfig: JSON
  nixpacksPlan: JSON
  numReplicas: Int
  overlapSeconds: Int
  preDeployCommand: [String!]
  railwayConfigFile: String
  region: String
  registryCredentials: RegistryCredentialsInput
  restartPolicyMaxRetries: Int
  restartPolicyType: RestartPolicyType
  rootDirectory: String
  sleepApplication: Boolean
  source: ServiceSourceInput
  startCommand: String
  watchPatterns: [String!]
}

type ServiceSource {
  image: String
  repo: String
}

input ServiceSourceInput {
  image: String
  repo: String
}

input SetServiceUnderAttackModeInput {
  durationSeconds: Int
  enabled: Boolean!
  environmentId: String!
  serviceId: String!
}

enum SortOrder {
  asc
  desc
}

enum SubscriptionPlanType {
  free
  hobby
  pro
  trial
}

type TCPProxy {
  applicationPort: Int!
  createdAt: DateTime
  deletedAt: DateTime
  domain: String!
  environmentId: String!
  id: ID!
  proxyPort: Int!
  serviceId: String!
  syncStatus: TCPProxySyncStatus!
  updatedAt: DateTime
}

input TCPProxyCreateInput {
  applicationPort: Int!
  environmentId: String!
  serviceId: String!
}

enum TCPProxySyncStatus {
  ACTIVE
  CREATING
  DELETED
  DELETING
  UNSPECIFIED
  UPDATING
}

input UpdateServiceEdgeRulesInput {
  edgeRules: JSON
  environmentId: String!
  serviceId: String!
}

type User {
  email: String!
  has2FA: Boolean!
  id: ID!
  name: String
  workspaces: [Workspace!]!
}

input ValidateServiceEdgeRulesInput {
  edgeRules: JSON!
  environmentId: String!
  serviceId: String!
}

type Variable {
  createdAt: DateTime!
  environmentId: String
  id: ID!
  isSealed: Boolean!
  name: String!
  references: [String!]!
  serviceId: String
  updatedAt: DateTime!
}

input VariableCollectionUpsertInput {
  environmentId: String!
  projectId: String!
  replace: Boolean = false
  serviceId: String
  skipDeploys: Boolean = false
  variables: EnvironmentVariables!
}

input VariableDeleteInput {
  environmentId: String!
  name: String!
  projectId: String!
  serviceId: String
}

input VariableUpsertInput {
  environmentId: String!
  name: String!
  projectId: String!
  serviceId: String
  skipDeploys: Boolean = false
  value: String!
}

type Volume {
  createdAt: DateTime!
  id: ID!
  name: String!
  projectId: String!
}

input VolumeCreateInput {
  environmentId: String
  mountPath: String!
  projectId: String!
  region: String
  serviceId: String
}

type VolumeInstance {
  createdAt: DateTime!
  currentSizeMB: Float!
  deletedAt: DateTime
  environmentId: String!
  externalId: String
  id: ID!
  isPendingDeletion: Boolean!
  mountPath: String!
  region: String
  serviceId: String
  sizeMB: Int!
  state: VolumeState
  volume: Volume!
  volumeId: String!
}

type VolumeInstanceBackup {
  createdAt: DateTime!
  creatorId: String
  expiresAt: DateTime
  externalId: String!
  id: String!
  name: String
  referencedMB: Int
  scheduleId: String
  usedMB: Int
  volumeInstanceSizeMB: Int
}

type VolumeInstanceBackupSchedule {
  createdAt: DateTime!
  cron: String!
  id: ID!
  kind: VolumeInstanceBackupScheduleKind!
  name: String!
  retentionSeconds: Int
}

enum VolumeInstanceBackupScheduleKind {
  DAILY
  MONTHLY
  WEEKLY
}

enum VolumeState {
  DELETED
  DELETING
  ERROR
  MIGRATING
  MIGRATION_PENDING
  READY
  RESTORING
  UPDATING
}

type WorkflowId {
  workflowId: String
}

type WorkflowResult {
  error: String
  status: WorkflowStatus!
}

enum WorkflowStatus {
  Complete
  Error
  NotFound
  Running
}

type Workspace {
  id: ID!
  name: String!
}
`;
