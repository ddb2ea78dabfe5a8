//! Checks the length of functions, and statements that pack several assignments into one.

use syn::spanned::Spanned as _;
use syn::visit::Visit;

/// Maximum lines of a function, from its signature to the closing brace.
const FUNCTION: usize = 60;

/// Visits the functions of a file.
pub struct Functions<'a> {
    pub path: &'a str,
    pub violations: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn check_length(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let begin = signature.span().start().line;
        let lines = body.span().end().line - begin + 1;
        if lines > FUNCTION {
            let name = &signature.ident;
            self.violations.push(format!("{}:{begin}: {name} has {lines} lines, at most {FUNCTION}", self.path));
        }
    }

    fn packed(&mut self, line: usize) {
        self.violations.push(format!("{}:{line}: several assignments in one statement: one statement each", self.path));
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check_length(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check_length(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.check_length(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }

    /// `let (a, b) = (1, 2);`
    fn visit_local(&mut self, local: &'ast syn::Local) {
        let pattern = match &local.pat {
            syn::Pat::Type(typed) => &typed.pat,
            pattern => pattern,
        };
        let is_tuple = |init: &syn::LocalInit| init.diverge.is_none() && matches!(*init.expr, syn::Expr::Tuple(_));
        let tuple = local.init.as_ref().is_some_and(is_tuple);
        if tuple && matches!(pattern, syn::Pat::Tuple(_)) {
            self.packed(local.span().start().line);
        }
        syn::visit::visit_local(self, local);
    }

    /// `(a, b) = (1, 2);`
    fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
        if matches!((&*assign.left, &*assign.right), (syn::Expr::Tuple(_), syn::Expr::Tuple(_))) {
            self.packed(assign.span().start().line);
        }
        syn::visit::visit_expr_assign(self, assign);
    }
}
