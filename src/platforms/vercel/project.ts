import type {Call} from './api.js';
import type {Vercel} from './context.js';
import {type Json, number, record, records, text} from './json.js';

/** The last change of the production domains, as the platform tells it. */
export interface AliasJob {
  readonly type: string;
  readonly status: string;
  readonly toDeploymentId: string | undefined;
  readonly fromDeploymentId: string | undefined;
  /** Epoch milliseconds by the platform's clock. */
  readonly requestedAtMs: number;
}

export interface Project {
  readonly id: string;
  readonly name: string;
  /** `team_…` when a team owns it. */
  readonly teamId: string | undefined;
  /** The deployment that the project counts as its production; undefined before the first. */
  readonly currentId: string | undefined;
  readonly lastJob: AliasJob | undefined;
  readonly autoAssign: boolean;
  readonly rollingRelease: boolean;
  readonly paused: boolean;
  readonly rootDirectory: string | undefined;
  readonly rollbackReason: string | undefined;
  readonly raw: Json;
}

/** @throws Failure VERCEL_NOT_FOUND, VERCEL_SCOPE, VERCEL_AUTH and those of any read. */
export async function readProject(vercel: Vercel, call: Call, idOrName = vercel.settings.project): Promise<Project> {
  const what = `read the project ${idOrName}`;
  // Only with `rollbackInfo` is the last alias job certain to be in the answer.
  const body = await vercel.api.read(`/v9/projects/${encodeURIComponent(idOrName)}`, {
    ...call,
    what,
    query: {rollbackInfo: 'true'},
  });
  return projectOf(record(body) ?? {}, idOrName);
}

function projectOf(raw: Json, asked: string): Project {
  const account = text(raw.accountId);
  const production = record(record(raw.targets)?.production);
  return {
    id: text(raw.id) ?? asked,
    name: text(raw.name) ?? asked,
    teamId: account?.startsWith('team_') ? account : undefined,
    currentId: text(production?.id),
    lastJob: aliasJobOf(record(raw.lastAliasRequest)),
    autoAssign: raw.autoAssignCustomDomains !== false,
    rollingRelease: record(raw.rollingRelease) !== undefined,
    paused: raw.paused === true,
    rootDirectory: text(raw.rootDirectory),
    rollbackReason: text(record(raw.rollbackDescription)?.description),
    raw,
  };
}

function aliasJobOf(raw: Json | undefined): AliasJob | undefined {
  if (!raw) return undefined;
  return {
    type: text(raw.type) ?? 'unknown',
    status: text(raw.jobStatus) ?? 'unknown',
    toDeploymentId: text(raw.toDeploymentId),
    fromDeploymentId: text(raw.fromDeploymentId),
    requestedAtMs: number(raw.requestedAt) ?? 0,
  };
}

export const isRunning = (job: AliasJob | undefined): job is AliasJob =>
  job?.status === 'pending' || job?.status === 'in-progress';

/**
 * After an instant rollback production domains no longer follow new deployments. Whether the project's own field says
 * so is not documented, so the last job counts too.
 */
export function isRolledBack(project: Project): boolean {
  return project.lastJob?.type === 'rollback' && project.lastJob.status === 'succeeded';
}

export interface Domain {
  readonly name: string;
  readonly verified: boolean;
}

/** The project's production domains without redirects, verified or not. */
export async function readDomains(vercel: Vercel, call: Call): Promise<Domain[]> {
  const domains: Domain[] = [];
  let until: number | undefined;
  for (let page = 0; page < 20; page++) {
    const body = record(
      await vercel.api.read(`/v9/projects/${encodeURIComponent(vercel.settings.project)}/domains`, {
        ...call,
        what: 'list the production domains',
        query: {production: 'true', redirects: 'false', limit: 100, until},
      }),
    );
    domains.push(...records(body?.domains).flatMap(domainOf));
    until = number(record(body?.pagination)?.next);
    if (until === undefined) break;
  }
  return domains;
}

function domainOf(raw: Json): Domain[] {
  const name = text(raw.name);
  // Filtered here too: a server that does not know the query answers with everything.
  const isProduction = !text(raw.redirect) && !text(raw.gitBranch) && !text(raw.customEnvironmentId);
  return name && isProduction ? [{name, verified: raw.verified !== false}] : [];
}

/** Hosts that must serve production: those given, else the project's verified production domains. */
export async function productionHosts(vercel: Vercel, call: Call): Promise<string[]> {
  const given = vercel.settings.productionHosts;
  if (given && given.length > 0) return [...given];
  return (await readDomains(vercel, call)).filter((domain) => domain.verified).map((domain) => domain.name);
}
