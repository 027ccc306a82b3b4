"use strict";
// The server's queue of questions, and what is said when it can't be had.

class Queue {
  // `told(standing)` hears how the queue stands.
  constructor(notice, told) {
    Object.assign(this, { notice, told, person: "", offline: false });
  }

  say(text = "") {
    this.notice.hidden = !text;
    this.notice.textContent = visible(text);
  }

  // Do something for the person. Raises an Error with a sentence for them, and with a newer draft where there is one.
  async ask(act, said = {}) {
    const reply = await this.post(act, said);
    const told = await reply.json().catch(() => ({ error: `The server refuses (${reply.status}): open the address that it printed.` }));
    if (!reply.ok) throw Object.assign(new Error(told.error), told, { gone: reply.status === 410 });
    this.told(told.standing);
    if (this.offline) {
      this.offline = false;
      this.say();
    }
    return told;
  }

  async post(act, said) {
    try {
      return await fetch(act, { method: "POST", body: JSON.stringify({ person: this.person, ...said }) });
    } catch {
      this.offline = true;
      throw new Error("The server does not answer. What you write stays in this browser; once `elad view` runs again, open its address here.");
    }
  }

  // Whether work went well; else its error is said.
  async attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      this.say(error.message);
      return false;
    }
  }
}
