// How fast does the handler of Revtain's dunning guide answer? Same steps: check the signature over
// the raw bytes, find the invoice, send the email, answer. Nothing is written down.
//
//     node express_handler.mjs SECRET EMAIL_MILLISECONDS      prints the port it listens on

import { createHmac, timingSafeEqual } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';

const [secret, emailTime] = process.argv.slice(2);
const app = express();

async function findInvoice(transaction) {
  return { customerEmail: `${transaction}@customer.example` };
}

async function sendEmail(_message) {
  await pause(Number(emailTime));
}

function isSigned(body, claimed) {
  const expected = createHmac('sha256', secret).update(body).digest('hex');
  return claimed.length === expected.length
    && timingSafeEqual(Buffer.from(claimed), Buffer.from(expected));
}

app.post('/webhooks/revtain', express.raw({ type: 'application/json' }), async (req, res) => {
  if (!isSigned(req.body, req.header('X-Revtain-Signature') ?? '')) return res.status(401).end();
  const event = JSON.parse(req.body.toString());
  if (event.event === 'recovery.failed') {
    const invoice = await findInvoice(event.revtainTransactionId);
    if (event.recommendedAction === 'request_card_update') {
      await sendEmail({ to: invoice.customerEmail, template: 'payment-failed' });
    }
  }
  return res.json({ received: true });
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
// Ends with its owner, whose end of this pipe closes.
process.stdin.resume().on('end', () => process.exit(0));
