// A rule for oxlint: private members are private at run time too. Only a constructor cannot have such a name.
// Plain JavaScript, because oxlint loads it with the oldest Node that runs the tools.

const privateMembers = {
  create(context) {
    const check = (node) => {
      if (node.accessibility !== 'private' || node.kind === 'constructor') return;
      context.report({ node, message: 'Write #name instead of private name.' });
    };
    return { PropertyDefinition: check, MethodDefinition: check, TSParameterProperty: check };
  },
};

export default { meta: { name: 'gorp' }, rules: { 'private-members': privateMembers } };
