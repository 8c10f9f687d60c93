/** What kind of issuer a projected token has: AKS publishes its keys on the internet, a cluster's default issuer only inside it. */
export type IssuerKind = 'aks' | 'hosted' | 'internal' | 'entra' | 'pipeline' | 'other' | 'unknown';

export function issuerKind(issuer: string | undefined): IssuerKind {
  if (issuer === undefined) return 'unknown';
  const url = URL.parse(issuer);
  const host = url?.hostname ?? '';
  if (/(^|\.)(oic|oidc)\.[\w-]{1,40}-aks\.azure\.\w{2,10}$/.test(host)) return 'aks';
  if (
    /^(login\.microsoftonline\.\w{2,10}|sts\.windows\.net|login\.partner\.microsoftonline\.cn|login\.chinacloudapi\.cn)$/.test(
      host,
    )
  ) {
    return 'entra';
  }
  if (/^token\.actions\.githubusercontent\.com$|^vstoken\.dev\.azure\.com$|^gitlab\.com$/.test(host)) return 'pipeline';
  // The public issuers of other managed clusters.
  if (/^(oidc\.eks\.[\w-]{1,30}\.amazonaws\.com|container\.googleapis\.com)$/.test(host)) return 'hosted';
  const isPrivate =
    /^(localhost$|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)|\.(svc|local|internal|localdomain)$|\.svc\./.test(
      host,
    );
  return url?.protocol !== 'https:' || !host.includes('.') || isPrivate ? 'internal' : 'other';
}
