import { DaemonSet, Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { CronJob, Job } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ClusterRole, ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import { Namespace, Pod, Service, ServiceAccount } from 'kubernetes-models/v1';

const KINDS: Record<string, { prototype: { validate(): void } }> = {
  ClusterRole,
  ClusterRoleBinding,
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  Namespace,
  NetworkPolicy,
  Pod,
  PodDisruptionBudget,
  Service,
  ServiceAccount,
  StatefulSet,
};

/** Throws unless the manifest matches the schema of Kubernetes. */
export function validate(manifest: { kind: string }): void {
  modelOf(manifest).validate();
}

function modelOf(manifest: { kind: string }): { validate(): void } {
  const model = KINDS[manifest.kind];
  if (!model) throw new Error(`no schema of the kind ${manifest.kind}`);
  return Object.assign(Object.create(model.prototype), manifest);
}

/**
 * The fields of a manifest that its schema does not know, as in the strict validation of an API server: those that our validation
 * never reads.
 */
export function unknownFields(manifest: { kind: string }): string[] {
  const seen = new Set<string>();
  const known = new Set<string>();
  function observe(value: unknown, path: string): unknown {
    if (typeof value !== 'object' || value === null) return value;
    for (const key of Object.keys(value)) seen.add(`${path}.${key}`);
    return new Proxy(value, {
      get(target, key, receiver) {
        if (typeof key === 'string') known.add(`${path}.${key}`);
        return observe(Reflect.get(target, key, receiver), `${path}.${String(key)}`);
      },
    });
  }
  Object(observe(modelOf(manifest), '')).validate();
  return [...seen].filter((path) => !known.has(path));
}
