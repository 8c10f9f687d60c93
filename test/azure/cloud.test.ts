import { expect, test } from 'vitest';
import { AUTHORITY_HOSTS, cloudOf } from '../../src/azure/cloud.ts';

test('the public cloud is the default', () => {
  expect(cloudOf(undefined)).toEqual({
    authorityHost: 'https://login.microsoftonline.com',
    resourceManager: 'https://management.azure.com',
    scope: 'https://management.azure.com/.default',
  });
});

test('each cloud has its own Resource Manager and its own token scope', () => {
  expect(AUTHORITY_HOSTS.map((host) => cloudOf(host))).toEqual([
    cloudOf(undefined),
    {
      authorityHost: 'https://login.microsoftonline.us',
      resourceManager: 'https://management.usgovcloudapi.net',
      scope: 'https://management.usgovcloudapi.net/.default',
    },
    {
      authorityHost: 'https://login.chinacloudapi.cn',
      resourceManager: 'https://management.chinacloudapi.cn',
      scope: 'https://management.chinacloudapi.cn/.default',
    },
  ]);
});

test('a trailing slash, as the Workload ID webhook injects it, makes no difference', () => {
  expect(cloudOf('https://login.microsoftonline.us/')).toEqual(cloudOf('https://login.microsoftonline.us'));
});

test.each(['login.microsoftonline.us', 'http://login.microsoftonline.com', 'https://login.example.com', 'nonsense'])(
  '%s is not an authority host of a known cloud',
  (host) => expect(cloudOf(host)).toBeUndefined(),
);
