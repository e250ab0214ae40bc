/**
 * The script of the pages with passkeys: it hands the options to the browser and sends its answer
 * with the form. What it needs of `navigator.credentials` is in browsers since 2025; elsewhere, and
 * where the person cancels, it says so and the page goes on without.
 */
export const passkeyScript = `
const button = document.getElementById('passkey');
const trouble = document.getElementById('trouble');
button.addEventListener('click', async (event) => {
  const form = button.form;
  if (!form.reportValidity()) return event.preventDefault();
  event.preventDefault();
  trouble.hidden = true;
  try {
    const options = JSON.parse(button.dataset.options);
    const made = button.dataset.kind === 'create'
      ? await navigator.credentials.create({
          publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
        })
      : await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
        });
    form.elements.response.value = JSON.stringify(made.toJSON());
    const action = document.createElement('input');
    action.type = 'hidden';
    action.name = button.name;
    action.value = button.value;
    form.append(action);
    form.submit();
  } catch {
    trouble.hidden = false;
  }
});
`;
