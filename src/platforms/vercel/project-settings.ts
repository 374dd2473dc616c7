import type {PlatformCall} from '../platform.js';
import type {Vercel} from './context.js';
import {readEnvironment, type Variable} from './environment.js';
import {type Json, record} from './json.js';
import {type Domain, readDomains, readProject} from './project.js';
import {together} from './together.js';

/** What a backup keeps of a project's configuration: enough to set it up again, and no secret. */
export interface ProjectSettings {
  readonly project: {readonly id: string; readonly name: string; readonly teamId: string | undefined};
  readonly settings: Json;
  readonly domains: readonly Domain[];
  readonly variables: readonly Variable[];
  /** Why the list of variables may lack some. */
  readonly variablesIncomplete: string | undefined;
}

/** Chosen by name: the project's answer also holds bypass secrets and tokens of hooks. */
const kept = [
  'framework',
  'buildCommand',
  'devCommand',
  'installCommand',
  'outputDirectory',
  'rootDirectory',
  'commandForIgnoringBuildStep',
  'nodeVersion',
  'serverlessFunctionRegion',
  'sourceFilesOutsideRootDirectory',
  'directoryListing',
  'publicSource',
  'autoExposeSystemEnvs',
  'autoAssignCustomDomains',
  'gitForkProtection',
  'skewProtectionMaxAge',
  'customerSupportCodeVisibility',
  'rollingRelease',
  'enableAffectedProjectsDeployments',
];
const keptParts: Readonly<Record<string, readonly string[]>> = {
  ssoProtection: ['deploymentType'],
  passwordProtection: ['deploymentType'],
  trustedIps: ['deploymentType', 'protectionMode'],
  link: ['type', 'org', 'owner', 'repo', 'productionBranch'],
  resourceConfig: ['functionDefaultRegions', 'functionDefaultTimeout', 'functionDefaultMemoryType', 'fluid'],
};

export async function readProjectSettings(vercel: Vercel, call: PlatformCall): Promise<ProjectSettings> {
  const project = await readProject(vercel, call);
  const [domains, environment] = await together([readDomains(vercel, call), readEnvironment(vercel, project.id, call)]);
  return {
    project: {id: project.id, name: project.name, teamId: project.teamId},
    settings: {...pick(project.raw, kept), ...parts(project.raw)},
    domains,
    variables: environment.variables,
    variablesIncomplete: environment.incomplete,
  };
}

const pick = (from: Json, names: readonly string[]): Json =>
  Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));

function parts(raw: Json): Json {
  const found = Object.entries(keptParts).flatMap(([name, fields]) => {
    const part = record(raw[name]);
    return part ? [[name, pick(part, fields)] as const] : [];
  });
  return Object.fromEntries(found);
}
