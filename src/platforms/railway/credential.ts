import {Failure} from '../../kernel/errors.js';
import {isRefusedAccess} from './answers.js';
import type {TokenHeader} from './api.js';
import {accountDocument, apiTokenDocument, projectTokenDocument} from './documents.js';
import type {Session} from './session.js';

export type TokenKind = 'project' | 'workspace' | 'account';

/** What a token turned out to be. */
export interface Credential {
  readonly header: TokenHeader;
  /** `workspace` stands for "workspace or account" until `nameBearer` asked. */
  readonly kind: TokenKind;
  /** The one environment a project token reaches. */
  readonly scope?: {
    readonly projectId: string;
    readonly projectName: string;
    readonly environmentId: string;
    readonly environmentName: string;
  };
  readonly workspaces?: readonly string[];
  /** Set when the token is of another kind than was said. */
  readonly note?: string;
}

type Probe = (session: Session, token: string) => Promise<Credential>;

const probes: Readonly<Record<'project' | 'bearer', Probe>> = {
  project: async (session, token) => {
    const header = {'project-access-token': token};
    const {projectToken: found} = await session.as(header).read(projectTokenDocument, {});
    if (!found?.projectId || !found.environmentId) throw incomplete('projectToken');
    return {
      header,
      kind: 'project',
      scope: {
        projectId: found.projectId,
        projectName: found.project?.name ?? '',
        environmentId: found.environmentId,
        environmentName: found.environment?.name ?? '',
      },
    };
  },
  bearer: async (session, token) => {
    const header = {authorization: `Bearer ${token}`};
    const {apiToken} = await session.as(header).read(apiTokenDocument, {});
    if (!Array.isArray(apiToken?.workspaces)) throw incomplete('apiToken');
    return {header, kind: 'workspace', workspaces: apiToken.workspaces.map((workspace) => workspace.name)};
  },
};

/**
 * Finds out what kind of token this is, by harmless probes: first the kind that was said, then the other, because the
 * two are confused all the time and Railway's answer names neither.
 */
export async function identify(session: Session, token: string, said: TokenKind | 'auto'): Promise<Credential> {
  const order =
    said === 'workspace' || said === 'account' ? (['bearer', 'project'] as const) : (['project', 'bearer'] as const);
  const refusals: string[] = [];
  for (const [index, form] of order.entries()) {
    try {
      const credential = await probes[form](session, token);
      return index > 0 && said !== 'auto'
        ? {
            ...credential,
            note: `the token was said to be of kind ${said}, but is a ${form === 'project' ? 'project' : 'workspace or account'} token`,
          }
        : credential;
    } catch (error) {
      if (!isRefusedAccess(error)) throw error;
      refusals.push(`as ${form === 'project' ? 'project' : 'workspace or account'} token: ${error.message}`);
    }
  }
  throw new Failure('RAILWAY_TOKEN', `Railway accepts this token under neither header. ${refusals.join('; ')}`, {
    remedy:
      'Create a project token in the settings of the Railway project (Settings, Tokens) for the production environment and store it as the secret.',
  });
}

/** Tells an account token from a workspace token: only an account has a `me`. */
export async function nameBearer(session: Session, credential: Credential): Promise<Credential> {
  if (credential.kind === 'project') return credential;
  try {
    const {me} = await session.as(credential.header).once(accountDocument, {});
    return me?.id ? {...credential, kind: 'account'} : credential;
  } catch (error) {
    if (error instanceof Failure && error.code !== 'CANCELLED') return credential;
    throw error;
  }
}

function incomplete(field: string): Failure {
  return new Failure('RAILWAY_ANSWER', `Railway answered ${field} without the ids it promises`, {
    remedy: 'Run again; update this action when it stays.',
    retryable: true,
  });
}
