import {cleanLine} from './clean.js';
import {build, type Site, scopeAt} from './construction-site.js';
import {
  createCustomDomainDocument,
  createServiceDomainDocument,
  domainRecordsDocument,
  type RawCustomDomain,
} from './documents.js';
import type {Settings} from './settings.js';

export interface BuiltDomains {
  /** Custom ones first: they are what users type. */
  readonly hosts: ReadonlyArray<{readonly host: string; readonly kind: 'custom' | 'service'}>;
  /** What people must set at their DNS provider before a custom domain works. */
  readonly records: ReadonlyArray<{
    readonly host: string;
    /** `CNAME`, `A`, `TXT` … */
    readonly type: string;
    readonly name: string;
    readonly value: string;
    /** Railway has seen it. */
    readonly verified: boolean;
  }>;
}

export async function attachDomains(site: Site, serviceId: string, wanted: Settings['domains']): Promise<BuiltDomains> {
  const custom = wanted.filter(({kind}) => kind === 'custom');
  const generated = wanted.find(({kind}) => kind === 'service');
  for (const one of custom) await attach(site, serviceId, one);
  // Its name is a new one, as the old belongs to the old project. A service that has neither is reached by nobody.
  if (generated || custom.length === 0) await generate(site, serviceId, generated?.targetPort ?? undefined);
  const {serviceDomains, customDomains} = await domainsOf(site, serviceId);
  return {
    hosts: [
      ...customDomains.map(({domain}) => ({host: domain, kind: 'custom' as const})),
      ...serviceDomains.map(({domain}) => ({host: domain, kind: 'service' as const})),
    ],
    records: customDomains.flatMap(recordsOf),
  };
}

async function domainsOf(site: Site, serviceId: string) {
  return (await site.session.read(domainRecordsDocument, scopeAt(site, serviceId))).domains;
}

async function attach(site: Site, serviceId: string, {domain, targetPort}: Settings['domains'][number]): Promise<void> {
  const find = async () => {
    const {customDomains} = await domainsOf(site, serviceId);
    return customDomains.some((one) => one.domain.toLowerCase() === domain.toLowerCase()) || undefined;
  };
  if (await find()) return;
  const input = {...scopeAt(site, serviceId), domain, ...(targetPort && {targetPort})};
  await build(
    site,
    `the domain ${cleanLine(domain, 120)} of service ${cleanLine(serviceId, 80)}`,
    async () =>
      (await site.session.once(createCustomDomainDocument, {input})).customDomainCreate?.domain ? true : undefined,
    find,
    `Remove ${cleanLine(domain, 120)} from the service that has it, such as that of the old project.`,
  );
}

async function generate(site: Site, serviceId: string, targetPort: number | undefined): Promise<void> {
  const find = async () => ((await domainsOf(site, serviceId)).serviceDomains.length > 0 ? true : undefined);
  if (await find()) return;
  const input = {environmentId: site.environmentId, serviceId, ...(targetPort && {targetPort})};
  await build(
    site,
    `the Railway domain of service ${cleanLine(serviceId, 80)}`,
    async () =>
      (await site.session.once(createServiceDomainDocument, {input})).serviceDomainCreate?.domain ? true : undefined,
    find,
  );
}

function recordsOf({domain, status}: RawCustomDomain): BuiltDomains['records'][number][] {
  if (!status) return [];
  const {verified, verificationDnsHost, verificationToken} = status;
  const listed = status.dnsRecords.map(({fqdn, recordType, requiredValue, status: seen}) => ({
    host: domain,
    type: recordType.replace('DNS_RECORD_TYPE_', ''),
    name: fqdn,
    value: requiredValue,
    verified: verified || seen === 'DNS_RECORD_STATUS_PROPAGATED',
  }));
  // Proof of ownership stands apart from the list, unless Railway has begun to list it.
  const proof = verificationDnsHost && verificationToken && !listed.some(({value}) => value === verificationToken);
  return proof
    ? [...listed, {host: domain, type: 'TXT', name: verificationDnsHost, value: verificationToken, verified}]
    : listed;
}
