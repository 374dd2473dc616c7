import {mkdir} from 'node:fs/promises';
import {type StandIn, startStandIn} from '../stand-in.js';
import {answer, type GraphqlFault, nameOf} from './api.js';
import {controls, type RailwayControls} from './controls.js';
import {closeDatabases} from './database-image.js';
import {Fronts} from './front.js';
import type {RailwayStandInOptions} from './options.js';
import {createWorld} from './world.js';

export type {GraphqlFault} from './api.js';
export type {RailwayStandInOptions} from './options.js';
export type {Scripted} from './script.js';
export type {DeploymentState, RailwayState, ServiceState} from './state.js';

/**
 * The platform on one machine: its GraphQL API at `${url}/graphql/v2`, its upload endpoint, and deployments that are
 * real child processes behind one public front per service.
 */
export interface RailwayStandIn extends StandIn, RailwayControls {
  readonly graphqlFaults: GraphqlFault[];
}

/**
 * Starts the stand-in; nothing is deployed yet.
 * @throws nothing of its own: a port that is taken rejects as node:net words it.
 */
export async function startRailway(options: RailwayStandInOptions): Promise<RailwayStandIn> {
  await mkdir(options.workDir, {recursive: true});
  const world = createWorld(options, new Fronts());
  for (const service of world.services) if (service.publicDomain) await world.fronts.open(() => world, service.id);
  const graphqlFaults: GraphqlFault[] = [];
  const api = await startStandIn((exchange) => answer(world, graphqlFaults, exchange), {
    port: options.port,
    operationOf: (url, body) => nameOf(url.pathname, body),
  });
  const close = async () => {
    world.closing.abort(new Error('the stand-in is closing'));
    await Promise.all([api.close(), world.fronts.close(), closeDatabases(world)]);
    await world.containers.close();
    await Promise.allSettled(world.running);
  };
  return Object.assign(controls(world), {
    url: api.url,
    requests: api.requests,
    faults: api.faults,
    graphqlFaults,
    close,
    [Symbol.asyncDispose]: close,
  });
}
