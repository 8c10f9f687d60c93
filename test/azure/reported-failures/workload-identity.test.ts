import { replayFamily } from './replay.ts';

replayFamily('workload-identity');
