//! What callers ask of this part of the node.

platform::actions! {
    EvaluateCompliance => Write ComplianceWrite, "Submit evidence or ask for an evaluation.";
    ReadCompliance => Read ComplianceRead, "See compliance evaluations.";
}
