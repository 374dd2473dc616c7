import {notAuthorized} from './access.js';
import type {ServiceRecord} from './records.js';
import {serviceOf, type World} from './world.js';

/** What a request may name: the one project and environment, and their services. All else is "Not Authorized". */

export interface Scope {
  readonly projectId?: string | null;
  readonly environmentId?: string | null;
  readonly serviceId?: string | null;
}

/** Refuses foreign ids. */
export function inScope(world: World, scope: Scope): void {
  if (scope.projectId != null && scope.projectId !== world.project.projectId) throw notAuthorized();
  if (scope.environmentId != null && scope.environmentId !== world.project.environmentId) throw notAuthorized();
  if (scope.serviceId != null && !serviceOf(world, scope.serviceId)) throw notAuthorized();
}

/** The service of a scope that must name one. */
export function scopedService(world: World, scope: Scope): ServiceRecord {
  inScope(world, scope);
  const service = serviceOf(world, scope.serviceId ?? '');
  if (!service) throw notAuthorized();
  return service;
}
