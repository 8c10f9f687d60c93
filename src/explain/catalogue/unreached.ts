import { bash, host, name, url, type Word } from '../bash.ts';
import { inNamespace } from '../commands.ts';
import { type Case, type Evidence, type Finding, isTool } from '../evidence.ts';
import { isPod } from '../place.ts';
import type { Row } from '../row.ts';

/** A row about a host that was not reached. Without a check, the host that was asked decides which link of the chain broke. */
export type UnreachedRow = Omit<Row, 'check'> & Partial<Pick<Row, 'check'>>;

/** Whether the request went to a proxy: its failure is then the proxy's. */
export function isProxied({ facts }: Evidence, finding: Finding): boolean {
  if (finding.responder === 'http-proxy') return true;
  return !isTool(finding) && finding.host !== undefined && facts.proxy.hosts.includes(finding.host);
}

export function hostWord({ finding }: Pick<Case, 'finding'>): Word {
  return host(finding.host, 'HOST');
}

/** Connects to the host as this process would; a pod is entered, because its network is its own. */
export function connect(c: Case): string[] {
  const address = url(`https://${c.finding.host}`, 'URL');
  if (!isPod(c)) return [bash`curl -sS -o /dev/null -v ${address}`];
  return [
    bash`kubectl debug ${name(c.facts.pod?.name, 'POD')} ${inNamespace(c)} -i --profile=restricted --image=curlimages/curl:8.11.1 -- curl -sS -o /dev/null -v ${address}`,
  ];
}

/** Looks up the host where this process would. */
export function lookUp(c: Case): string[] {
  if (!isPod(c)) return [bash`nslookup ${hostWord(c)}`];
  return [
    bash`kubectl get pods -n kube-system -l k8s-app=kube-dns -o wide`,
    bash`kubectl debug ${name(c.facts.pod?.name, 'POD')} ${inNamespace(c)} -i --profile=restricted --image=busybox:1.37 -- nslookup ${hostWord(c)}`,
  ];
}

/** Shows issuer, subject and dates of the certificate that the host presents. */
export function showCertificate(c: Case): string[] {
  if (isPod(c)) return connect(c);
  return [
    bash`openssl s_client -connect ${hostWord(c)}:443 -servername ${hostWord(c)} < /dev/null | openssl x509 -noout -issuer -subject -dates`,
  ];
}
