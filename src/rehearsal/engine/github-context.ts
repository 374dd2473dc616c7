import type {WorkflowRequest} from './contract.js';
import type {WorkflowDefinition} from './definition.js';
import {child, itemsOf} from './template.js';

/** The `github` context of a run; `job`, `token`, `workspace` and `event_path` are the job's and added there. */
export function githubContext(
  request: WorkflowRequest,
  workflow: WorkflowDefinition,
  inputs: object,
): Record<string, unknown> {
  const {owner, name, sha, ref} = request.repository;
  const serverUrl = request.serverUrl ?? 'https://github.com';
  const repository = `${owner}/${name}`;
  const actor = request.actor ?? 'octocat';
  return {
    actor,
    actor_id: '1',
    triggering_actor: actor,
    api_url: request.apiUrl,
    graphql_url: `${request.apiUrl}/graphql`,
    server_url: serverUrl,
    base_ref: '',
    head_ref: '',
    event_name: request.event.name,
    event: eventPayload(request, workflow, inputs),
    ref,
    ref_name: ref.replace(/^refs\/(heads|tags)\//, ''),
    ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    ref_protected: false,
    repository,
    repository_id: '1',
    repository_owner: owner,
    repository_owner_id: '1',
    repositoryUrl: `git://github.com/${repository}.git`,
    retention_days: '90',
    run_attempt: '1',
    run_id: String(request.runId ?? 1),
    run_number: String(request.runNumber ?? 1),
    secret_source: 'Actions',
    sha,
    workflow: workflow.name,
    workflow_ref: `${repository}/${workflow.path}@${ref}`,
    workflow_sha: sha,
  };
}

/** The event file: what the trigger carries, then what the request gives. */
function eventPayload(request: WorkflowRequest, workflow: WorkflowDefinition, inputs: object): object {
  const {owner, name, sha, ref} = request.repository;
  const repository = {
    name,
    full_name: `${owner}/${name}`,
    owner: {login: owner, name: owner},
    default_branch: 'main',
    private: false,
  };
  const base = {repository, sender: {login: request.actor ?? 'octocat'}};
  return {...base, ...triggerPayload(request, workflow, inputs, ref, sha), ...request.event.payload};
}

function triggerPayload(
  request: WorkflowRequest,
  workflow: WorkflowDefinition,
  inputs: object,
  ref: string,
  sha: string,
): object {
  if (request.event.name === 'push')
    return {ref, after: sha, head_commit: {id: sha}, created: false, deleted: false, forced: false};
  // The event carries strings, whatever the inputs' types are.
  const texts = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, String(value)]));
  if (request.event.name === 'workflow_dispatch') return {ref, workflow: workflow.path, inputs: texts};
  if (request.event.name === 'schedule') return {schedule: firstCron(workflow)};
  return {};
}

function firstCron(workflow: WorkflowDefinition): string {
  const schedule = workflow.events.get('schedule');
  return String(child(itemsOf(schedule)[0], 'cron') ?? '');
}
