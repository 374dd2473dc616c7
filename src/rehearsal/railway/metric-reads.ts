import {readFileSync} from 'node:fs';
import type {RootFields} from './graphql.js';
import {inScope, type Scope, scopedService} from './scope.js';
import {countsByStatus, durations, requestCounts, type TrafficWindow} from './traffic.js';
import type {World} from './world.js';

/** Metrics queries: traffic from the front, resources from seeded series or from the processes themselves. */

interface MetricsArgs extends Scope {
  readonly measurements: string[];
  readonly startDate: string;
  readonly endDate?: string | null;
  readonly groupBy?: string[] | null;
}

export function metricFields(world: World): RootFields {
  return {
    httpMetrics: (args: Scope & TrafficWindow) => ({samples: requestCounts(world, scopedService(world, args), args)}),
    httpMetricsGroupedByStatus: (args: Scope & TrafficWindow) =>
      countsByStatus(world, scopedService(world, args), args),
    httpDurationMetrics: (args: Scope & TrafficWindow) => ({
      samples: durations(world, scopedService(world, args), args),
    }),
    metrics: (args: MetricsArgs) => {
      inScope(world, args);
      return args.measurements.flatMap((measurement) => measured(world, args, measurement));
    },
  };
}

/** Seeded series; for memory also what the running processes use at this moment. */
function measured(world: World, args: MetricsArgs, measurement: string): unknown[] {
  const [startS, endS] = [
    Date.parse(args.startDate) / 1_000,
    args.endDate ? Date.parse(args.endDate) / 1_000 : Number.POSITIVE_INFINITY,
  ];
  const seeded = world.metrics.filter(
    (series) => series.measurement === measurement && (args.serviceId == null || series.serviceId === args.serviceId),
  );
  const series =
    seeded.length > 0 || measurement !== 'MEMORY_USAGE_GB'
      ? seeded
      : residentMemory(world, args.serviceId ?? undefined);
  const groups = new Map<string, {tags: Record<string, unknown>; values: Array<{ts: number; value: number}>}>();
  for (const {serviceId, deploymentId, values} of series) {
    const tags = tagsFor(args.groupBy ?? [], world, serviceId, deploymentId);
    const group = groups.get(JSON.stringify(tags)) ?? {tags, values: []};
    group.values.push(...values.filter(({ts}) => ts >= startS && ts <= endS));
    groups.set(JSON.stringify(tags), group);
  }
  return [...groups.values()]
    .filter(({values}) => values.length > 0)
    .map(({tags, values}) => ({measurement, tags, values: values.sort((a, b) => a.ts - b.ts)}));
}

/** Only the tags asked for are filled. */
function tagsFor(
  groupBy: readonly string[],
  world: World,
  serviceId: string,
  deploymentId: string | undefined,
): Record<string, unknown> {
  const known: Record<string, [string, unknown]> = {
    DEPLOYMENT_ID: ['deploymentId', deploymentId ?? null],
    SERVICE_ID: ['serviceId', serviceId],
    ENVIRONMENT_ID: ['environmentId', world.project.environmentId],
    PROJECT_ID: ['projectId', world.project.projectId],
  };
  const empty = {
    deploymentId: null,
    deploymentInstanceId: null,
    environmentId: null,
    pluginId: null,
    projectId: null,
    region: null,
    serviceId: null,
    volumeId: null,
    volumeInstanceId: null,
  };
  return {...empty, ...Object.fromEntries(groupBy.flatMap((tag) => (known[tag] ? [known[tag]] : [])))};
}

function residentMemory(world: World, serviceId: string | undefined): World['metrics'] {
  const running = world.deployments.filter(
    (d) => d.container?.running() && (serviceId === undefined || d.serviceId === serviceId),
  );
  return running.map((d) => ({
    serviceId: d.serviceId,
    deploymentId: d.id,
    measurement: 'MEMORY_USAGE_GB',
    values: [{ts: Math.floor(world.now() / 1_000), value: residentGb(d.container!.pid)}],
  }));
}

function residentGb(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096) / 1e9;
  } catch {
    // No /proc on this system, or the process has just ended: nothing is known.
    return 0;
  }
}
