import {type Call, ok, type Reply} from './call.js';
import {notFound} from './refusal.js';
import type {World} from './world.js';

/** GET /v2/user. */
export function readUser(call: Call): Reply {
  const {user} = call.world;
  return ok({user: {...user, avatar: null, defaultTeamId: null, limited: true, version: 'northstar'}});
}

/** GET /v1/teams. */
export function listTeams(call: Call): Reply {
  return ok({teams: [teamView(call.world)], pagination: {count: 1, next: null, prev: null}});
}

/** GET /v2/teams/{id or slug}. */
export function readTeam(call: Call): Reply {
  const {id, slug} = call.world.options.team;
  if (call.params.team !== id && call.params.team !== slug) throw notFound('Team');
  return ok(teamView(call.world));
}

function teamView(world: World): Record<string, unknown> {
  const {id, slug} = world.options.team;
  return {
    id,
    slug,
    name: slug,
    avatar: null,
    createdAt: 1_700_000_000_000,
    creatorId: world.user.id,
    updatedAt: 1_700_000_000_000,
    limited: true,
    limitedBy: [],
    billing: {plan: 'pro'},
    membership: {
      uid: world.user.id,
      role: 'OWNER',
      confirmed: true,
      confirmedAt: 1_700_000_000_000,
      created: 1_700_000_000_000,
      createdAt: 1_700_000_000_000,
      teamId: id,
    },
  };
}

/** GET /v5/domains/{domain}: the team's registry, found by any name below a registered domain. */
export function readTeamDomain(call: Call): Reply {
  const asked = call.params.domain ?? '';
  const name = [...call.world.teamDomains].find((domain) => asked === domain || asked.endsWith(`.${domain}`));
  if (name === undefined) throw notFound(`The domain "${asked}"`);
  return ok({
    domain: {
      id: `dom_${name}`,
      name,
      serviceType: 'external',
      verified: true,
      nameservers: [],
      intendedNameservers: [],
      createdAt: 1_700_000_000_000,
      boughtAt: null,
      expiresAt: null,
      orderedAt: null,
      renew: false,
      transferredAt: null,
      creator: {id: call.world.user.id, username: call.world.user.username, email: call.world.user.email},
      teamId: call.world.options.team.id,
    },
  });
}
