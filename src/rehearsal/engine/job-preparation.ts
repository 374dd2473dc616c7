import {randomUUID} from 'node:crypto';
import {setMaxListeners} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {IdentityClaims, Permissions} from './contract.js';
import type {JobDefinition} from './definition.js';
import {type Environment, type Graph, type LegPlan, legContexts, needsOf} from './graph.js';
import type {JobState} from './job-state.js';
import {permissionsOf} from './permissions.js';
import {child, resolveText, resolveTexts, type Template} from './template.js';

/** Makes the state, the folders and the token of a job that was let in. Throws when its `env` cannot be evaluated. */
export async function prepareJob(
  graph: Graph,
  job: JobDefinition,
  plan: LegPlan,
  environment: Environment | undefined,
): Promise<JobState> {
  const {run} = graph;
  const {request, journal} = run;
  const permissions = permissionsOf(
    child(graph.workflow.body, 'permissions'),
    child(job.body, 'permissions'),
    graph.ceiling,
  );
  const secrets = await secretsFor(graph, permissions, plan.key, environment);
  const identity =
    permissions['id-token'] === 'write' ? request.oidc?.requestFor(claimsOf(graph, environment)) : undefined;
  for (const secret of [...Object.values(secrets), identity?.token ?? '']) journal.masker.add(secret);
  const vars = {...request.vars, ...(environment && request.environments?.[environment.name]?.vars)};
  const folders = foldersFor(graph, job);
  const event = join(folders.temp, '_github_workflow', 'event.json');
  const own = {job: job.id, token: secrets.GITHUB_TOKEN, workspace: folders.workspace, event_path: event};
  const github: JobState['github'] = {...run.github, ...own};
  const contexts = {...legContexts(graph, job, plan), vars, secrets, github};
  const state: JobState = {
    key: plan.key,
    request,
    journal,
    actions: run.library.actions,
    folders,
    permissions,
    identity,
    github,
    fixed: {needs: needsOf(graph, job), strategy: plan.strategy, matrix: plan.leg, inputs: graph.inputs, vars, secrets},
    defaults: defaultsOf(graph, job, contexts),
    env: envOf(graph, job, contexts),
    ...beginning(),
  };
  makeFolders(state);
  return state;
}

/** What is the same at the start of every job. */
function beginning() {
  const [cancelled, killed] = [new AbortController(), new AbortController()];
  for (const {signal} of [cancelled, killed]) setMaxListeners(0, signal);
  const trackingId = `rehearsal_${randomUUID()}`;
  return {
    path: [],
    status: 'success' as const,
    posts: [],
    begun: new Map(),
    cancelled,
    killed,
    running: new Set<(signal: NodeJS.Signals) => void>(),
    trackingId,
  };
}

async function secretsFor(graph: Graph, permissions: Permissions, key: string, environment: Environment | undefined) {
  const {request} = graph.run;
  const token = request.tokenFor ? await request.tokenFor(permissions, key) : request.token;
  return {...secretsIn(graph, environment), GITHUB_TOKEN: token};
}

function claimsOf(graph: Graph, environment: Environment | undefined): IdentityClaims {
  const text = (name: string) => String(graph.run.github[name]);
  const subject = environment ? `environment:${environment.name}` : `ref:${text('ref')}`;
  return {
    sub: `repo:${text('repository')}:${subject}`,
    repository: text('repository'),
    repository_owner: text('repository_owner'),
    ref: text('ref'),
    sha: text('sha'),
    event_name: text('event_name'),
    workflow_ref: text('workflow_ref'),
    ...(environment && {environment: environment.name}),
  };
}

function foldersFor(graph: Graph, job: JobDefinition): JobState['folders'] {
  const {request} = graph.run;
  const root = join(request.workDir, `${++graph.run.folders}-${job.id}`);
  const {name} = request.repository;
  return {
    root,
    workspace: join(root, name, name),
    temp: join(root, '_temp'),
    home: join(root, '_home'),
    tools: join(root, '_tool'),
  };
}

function makeFolders(job: JobState): void {
  for (const folder of Object.values(job.folders)) mkdirSync(folder, {recursive: true});
  mkdirSync(join(job.folders.temp, '_github_workflow'), {recursive: true});
  writeFileSync(String(job.github.event_path), JSON.stringify(job.github.event ?? {}));
  writeFileSync(join(job.folders.home, '.gitconfig'), `[safe]\n\tdirectory = ${job.folders.workspace}\n`);
}

/** Secrets of an environment exist only for a job that was let into it, and in a called workflow only those passed by name. */
function secretsIn(graph: Graph, environment: Environment | undefined): Record<string, string> {
  const own = Object.entries((environment && graph.run.request.environments?.[environment.name]?.secrets) ?? {});
  const visible = own.filter(([name]) => graph.allSecrets || name in graph.secrets);
  return {...graph.secrets, ...Object.fromEntries(visible)};
}

function envOf(graph: Graph, job: JobDefinition, contexts: Record<string, unknown>): Record<string, string> {
  const scope = {contexts, functions: {}};
  return {...resolveTexts(child(graph.workflow.body, 'env'), scope), ...resolveTexts(child(job.body, 'env'), scope)};
}

function defaultsOf(graph: Graph, job: JobDefinition, contexts: Record<string, unknown>): JobState['defaults'] {
  const levels = [graph.workflow.body, job.body].map((body) => child(child(body, 'defaults'), 'run'));
  const read = (key: string) => {
    const template = levels
      .map((level) => child(level, key))
      .reduce<Template | undefined>((last, next) => next ?? last, undefined);
    return template && resolveText(template, {contexts: {...contexts, env: {}}, functions: {}});
  };
  return {shell: read('shell'), workingDirectory: read('working-directory')};
}
