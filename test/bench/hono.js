// The same as a Hono app, written as in Hono's documentation.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const names = Array.from({ length: Number(process.env['GROUPS']) }, (_, i) => `rg-${i + 1}`);
const body = JSON.stringify(names);

const app = new Hono();
app.get('/healthz', (c) => c.json({ status: 'ok' }));
app.get('/', async (c) => c.body(body, 200, { 'Content-Type': 'application/json' }));
serve({ fetch: app.fetch, port: Number(process.env['PORT']), hostname: '127.0.0.1' });
