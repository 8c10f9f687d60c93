import { expect, test } from 'vitest';
import { issuerKind } from '../../src/explain/issuer.ts';

test.each([
  ['https://eastus.oic.prod-aks.azure.com/made-up/', 'aks'],
  ['https://oidc.prod-aks.azure.com/made-up/', 'aks'],
  ['https://login.microsoftonline.com/made-up/v2.0', 'entra'],
  ['https://login.microsoftonline.us/made-up/v2.0', 'entra'],
  ['https://sts.windows.net/made-up/', 'entra'],
  ['https://login.partner.microsoftonline.cn/made-up/v2.0', 'entra'],
  ['https://login.chinacloudapi.cn/made-up/', 'entra'],
  ['https://token.actions.githubusercontent.com', 'pipeline'],
  ['https://vstoken.dev.azure.com/made-up', 'pipeline'],
  ['https://gitlab.com', 'pipeline'],
  ['https://oidc.eks.eu-west-1.amazonaws.com/id/made-up', 'hosted'],
  ['https://container.googleapis.com/v1/projects/made-up', 'hosted'],
  ['https://localhost:6443', 'internal'],
  ['https://kubernetes', 'internal'],
  ['https://127.0.0.1:6443', 'internal'],
  ['https://10.0.0.1', 'internal'],
  ['https://192.168.49.2:8443', 'internal'],
  ['https://172.16.0.1', 'internal'],
  ['https://172.20.0.1', 'internal'],
  ['https://172.31.0.1', 'internal'],
  ['https://kubernetes.default.svc', 'internal'],
  ['https://kubernetes.default.svc.cluster.local', 'internal'],
  ['https://kubernetes.default.svc.made-up.example', 'internal'],
  ['https://cluster.local', 'internal'],
  ['https://cluster.internal', 'internal'],
  ['https://cluster.localdomain', 'internal'],
  ['http://issuer.example', 'internal'],
  ['made-up', 'internal'],
  ['https://issuer.example', 'other'],
  ['https://172.32.0.1', 'other'],
  [undefined, 'unknown'],
])('the issuer %s is of the kind %s', (issuer, kind) => {
  expect(issuerKind(issuer)).toBe(kind);
});
