import { replayFamily } from './replay.ts';

replayFamily('service-principal');
