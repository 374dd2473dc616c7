import type {Exchange} from '../stand-in.js';
import {badRequest, refused} from './refusal.js';
import type {World} from './world.js';

/** Who calls, and within what. */
export interface Access {
  readonly inTeam: boolean;
  readonly onlyProject: string | undefined;
}

/** Accepts the token and the team of a request. `scopeless` routes are about the account itself. */
export function admit(world: World, exchange: Exchange, scopeless: boolean): Access {
  const onlyProject = tokenScope(world, exchange);
  if (scopeless && onlyProject) throw refused(403, 'forbidden', 'Not authorized: the token is limited to one project');
  const teams = asked(exchange.url);
  if (new Set(teams).size < teams.length || teams.length > 1)
    world.violations.push(
      `${exchange.recorded.method} ${exchange.recorded.path}: more than one team in the query: ${teams.join(', ')}`,
    );
  if (new Set(teams).size > 1) throw badRequest('`teamId` should be string');
  const {id, slug} = world.options.team;
  const team = teams[0];
  if (!scopeless && team !== undefined && team !== id && team !== slug) throw foreignTeam(team);
  return {inTeam: team !== undefined || world.quirks.defaultTeam || onlyProject !== undefined, onlyProject};
}

function tokenScope(world: World, exchange: Exchange): string | undefined {
  const token = /^Bearer (.+)$/i.exec(exchange.request.headers.authorization ?? '')?.[1];
  if (token === world.options.token) return undefined;
  const project = token === undefined ? undefined : world.options.projectTokens?.[token];
  if (project === undefined) throw refused(403, 'forbidden', 'Not authorized', {invalidToken: true});
  return project;
}

function asked(url: URL): string[] {
  return [...url.searchParams.getAll('teamId'), ...url.searchParams.getAll('slug')];
}

function foreignTeam(scope: string): Error {
  const message = `Not authorized: Trying to access resource under scope "${scope}". You must re-authenticate to this scope or use a token with access to this scope.`;
  return refused(403, 'forbidden', message, {saml: true, scope, teamId: scope, enforced: false});
}
