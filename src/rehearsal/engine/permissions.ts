import type {Permissions} from './contract.js';
import {entriesOf, literalText, type Template} from './template.js';

const scopes = [
  'actions',
  'attestations',
  'checks',
  'contents',
  'deployments',
  'discussions',
  'id-token',
  'issues',
  'models',
  'packages',
  'pages',
  'pull-requests',
  'repository-projects',
  'security-events',
  'statuses',
]; // prettier-ignore

/** What the token of a repository may do where no file says anything: the restricted default. */
const defaults: Permissions = {contents: 'read', packages: 'read'};

/**
 * What the token of a job may do. A job's own `permissions` replace those of the workflow; naming any scope sets all
 * others to none. A caller's grant is a ceiling: what exceeds it is lowered.
 */
export function permissionsOf(
  workflow: Template | undefined,
  job: Template | undefined,
  ceiling?: Permissions,
): Permissions {
  const declared = job ? declaredBy(job) : workflow ? declaredBy(workflow) : (ceiling ?? defaults);
  return ceiling ? lowered(declared, ceiling) : declared;
}

function declaredBy(template: Template): Permissions {
  const text = literalText(template);
  if (text === 'write-all') return Object.fromEntries(scopes.map((scope) => [scope, 'write']));
  if (text === 'read-all')
    return Object.fromEntries(scopes.filter((scope) => scope !== 'id-token').map((scope) => [scope, 'read']));
  const granted = entriesOf(template).map(([scope, level]) => [scope, String(level)] as const);
  return Object.fromEntries(granted.filter(([, level]) => level !== 'none')) as Permissions;
}

function lowered(declared: Permissions, ceiling: Permissions): Permissions {
  const kept = Object.entries(declared).flatMap(([scope, level]) => {
    const most = ceiling[scope];
    return most ? [[scope, most === 'read' ? 'read' : level] as const] : [];
  });
  return Object.fromEntries(kept);
}
